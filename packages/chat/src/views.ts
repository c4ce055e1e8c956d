import type {
  Conversation,
  MediaItem,
  Message,
  MessagePreview,
  MessageStatus,
  Participant,
  Sender,
} from '@confab/contracts';
import { isoTime } from './iso-time.ts';
import type { StoredConversation, StoredMembership, StoredMessage, StoredPreview, StoredUser } from './model.ts';

/** What the watermarks of a conversation say, ready to ask per message. */
export interface Watermarks {
  statusOf(message: { seq: number; senderId: string }): MessageStatus;
}

type Marks = Pick<StoredMembership, 'userId' | 'deliveredSeq' | 'readSeq'>;

/**
 * A member without a row has received and read nothing.
 * @param memberships rows of all members, those who left too: where nobody else is left, it is the furthest of them that counts. A message that
 * somebody has read stays read when they leave, and the rows of who left move no more.
 */
export function watermarksOf(participants: readonly string[], memberships: readonly Marks[]): Watermarks {
  const rows = new Map(memberships.map((m) => [m.userId, m]));
  const read = lowestTwo(participants, (id) => readOf(rows.get(id)));
  const delivered = lowestTwo(participants, (id) => deliveredOf(rows.get(id)));
  const [last] = participants;
  const former = participants.length > 1 ? [] : memberships.filter(({ userId }) => userId !== last);
  const formerRead = highest(former, readOf);
  const formerDelivered = highest(former, deliveredOf);
  return {
    statusOf: ({ seq, senderId }) => {
      const isAlone = participants.length === 1 && last === senderId;
      if ((isAlone ? formerRead : read.withoutUser(senderId)) >= seq) return 'read';
      return (isAlone ? formerDelivered : delivered.withoutUser(senderId)) >= seq ? 'delivered' : 'sent';
    },
  };
}

const readOf = (row: Marks | undefined): number => row?.readSeq ?? 0;

/** Who has read a message has received it, whether or not that was noted. */
const deliveredOf = (row: Marks | undefined): number => Math.max(row?.deliveredSeq ?? 0, readOf(row));

const highest = (rows: readonly Marks[], seqOf: (row: Marks) => number): number =>
  rows.reduce((seq, row) => Math.max(seq, seqOf(row)), 0);

/**
 * The lowest value of all participants but one, for any one in constant time. Nobody else there: 0.
 */
export function lowestTwo(participants: readonly string[], seqOf: (userId: string) => number) {
  let lowest = Number.POSITIVE_INFINITY;
  let second = Number.POSITIVE_INFINITY;
  let holder = '';
  for (const id of participants) {
    const value = seqOf(id);
    if (value < lowest) {
      second = lowest;
      lowest = value;
      holder = id;
    } else if (value < second) second = value;
  }
  return {
    withoutUser(userId: string): number {
      const value = userId === holder ? second : lowest;
      return Number.isFinite(value) ? value : 0;
    },
  };
}

export function senderView(id: string, user: StoredUser | undefined): Sender {
  const { firstName = '', lastName = '', name, profileImage = null } = user?.profile ?? {};
  return { _id: id, firstName, lastName, name: name ?? (`${firstName} ${lastName}`.trim() || id), profileImage };
}

export function participantView(id: string, user: StoredUser | undefined, isOnline: boolean): Participant {
  return { ...senderView(id, user), isOnline, lastSeen: user?.lastSeen ?? null };
}

/** @param media as `viewMedia` signed it */
export function messageView(
  message: StoredMessage,
  sender: StoredUser | undefined,
  status: MessageStatus,
  media: MediaItem[],
): Message {
  const view: Message = {
    _id: message.id,
    conversationId: message.conversationId,
    seq: message.seq,
    changeSeq: message.changeSeq,
    senderId: senderView(message.senderId, sender),
    text: message.text,
    media,
    messageType: message.messageType,
    status,
    replyTo: message.replyTo,
    deletedAt: message.deletedAt ? isoTime(message.deletedAt) : null,
    createdAt: isoTime(message.createdAt),
    updatedAt: isoTime(message.updatedAt),
  };
  if (message.clientMessageId !== null) view.clientMessageId = message.clientMessageId;
  return view;
}

export function previewView(
  preview: StoredPreview,
  sender: StoredUser | undefined,
  status: MessageStatus,
): MessagePreview {
  return {
    _id: preview.messageId,
    seq: preview.seq,
    text: preview.text,
    messageType: preview.messageType,
    senderId: senderView(preview.senderId, sender),
    status,
    deletedAt: preview.deletedAt ? isoTime(preview.deletedAt) : null,
    createdAt: isoTime(preview.createdAt),
  };
}

export interface ConversationParts {
  conversation: StoredConversation;
  users: Map<string, StoredUser>;
  online: Set<string>;
  preview: StoredPreview | null;
  marks: Watermarks;
  unreadCount: number;
  readSeq: number;
}

export function conversationView(parts: ConversationParts): Conversation {
  const { conversation: c, users, preview, marks } = parts;
  return {
    _id: c.id,
    participants: c.participants.map((id) => participantView(id, users.get(id), parts.online.has(id))),
    isGroup: c.isGroup,
    name: c.name,
    seq: c.seq,
    unreadCount: parts.unreadCount,
    readSeq: parts.readSeq,
    lastMessage: preview && previewView(preview, users.get(preview.senderId), marks.statusOf(preview)),
    lastMessageAt: isoTime(c.lastMessageAt),
    createdAt: isoTime(c.createdAt),
    updatedAt: isoTime(c.updatedAt),
  };
}

export const previewOf = (message: StoredMessage): StoredPreview => ({
  messageId: message.id,
  seq: message.seq,
  senderId: message.senderId,
  text: message.text,
  messageType: message.messageType,
  createdAt: message.createdAt,
  deletedAt: message.deletedAt,
});
