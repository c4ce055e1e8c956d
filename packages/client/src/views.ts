import type {
  Conversation,
  MediaInput,
  MediaItem,
  Message,
  MessageStatus,
  MessageType,
  Participant,
  Sender,
} from '@confab/contracts';
import type { ConversationState } from './conversation.ts';
import type { ConfabError } from './error.ts';
import type { OutboxItem } from './outbox.ts';

/** `queued`, `sending` and `failed` are this client's; the others are the server's, and never go back. */
export type MessageState = 'queued' | 'sending' | 'failed' | MessageStatus;

/** A message as a list shows it: a stored one, or one of the user that is on its way. The same object as long as nothing changed. */
export interface ChatMessage {
  /** Stays the same when an own message is stored. */
  key: string;
  /** Undefined until it is stored. */
  id: string | undefined;
  conversationId: string;
  seq: number | undefined;
  clientMessageId: string | undefined;
  sender: Sender;
  own: boolean;
  text: string | null;
  media: readonly (MediaItem | MediaInput)[];
  messageType: MessageType;
  replyTo: string | null;
  /** ISO 8601. */
  createdAt: string;
  /** Deleted for everyone. */
  deleted: boolean;
  state: MessageState;
  /** Why it failed, with `failed`. */
  error: ConfabError | undefined;
}

export interface MessageList {
  messages: readonly ChatMessage[];
  /** There are older messages to load. */
  hasOlder: boolean;
  loading: boolean;
  /** Why the last page could not be loaded. */
  error: ConfabError | undefined;
}

export interface LastMessage {
  id: string | undefined;
  text: string | null;
  messageType: MessageType;
  sender: Sender;
  own: boolean;
  deleted: boolean;
  createdAt: string;
  state: MessageState;
}

export interface ChatConversation {
  id: string;
  /** The group's name, or the names of the others. */
  title: string;
  isGroup: boolean;
  participants: readonly Participant[];
  /** All but the user. */
  others: readonly Participant[];
  lastMessage: LastMessage | undefined;
  /** Of the newest message, or when it was created; ISO 8601. */
  activeAt: string;
  unreadCount: number;
}

const RANK: Record<MessageStatus, number> = { sent: 0, delivered: 1, read: 2 };

const higher = (a: MessageStatus, b: MessageStatus): MessageStatus => (RANK[a] >= RANK[b] ? a : b);

function statusAt(seq: number, everyone: { deliveredSeq: number; readSeq: number }): MessageStatus {
  if (seq <= everyone.readSeq) return 'read';
  return seq <= everyone.deliveredSeq ? 'delivered' : 'sent';
}

const cache = new WeakMap<Message, ChatMessage>();

function storedView(message: Message, me: string, status: MessageStatus): ChatMessage {
  const before = cache.get(message);
  const state = before ? higher(before.state as MessageStatus, status) : higher(message.status, status);
  if (before?.state === state) return before;
  const own = message.senderId._id === me;
  const view: ChatMessage = {
    // Only the sender's own client ids are trusted as keys: another sender's may be any string.
    key: own && message.clientMessageId !== undefined ? `own:${message.clientMessageId}` : message._id,
    id: message._id,
    conversationId: message.conversationId,
    seq: message.seq,
    clientMessageId: message.clientMessageId,
    sender: message.senderId,
    own,
    text: message.text,
    media: message.media,
    messageType: message.messageType,
    replyTo: message.replyTo,
    createdAt: message.createdAt,
    deleted: message.deletedAt !== null,
    state,
    error: undefined,
  };
  cache.set(message, view);
  return view;
}

const pendingCache = new WeakMap<OutboxItem, ChatMessage>();

function pendingView(item: OutboxItem, sender: Sender): ChatMessage {
  const before = pendingCache.get(item);
  if (before) return before;
  const view: ChatMessage = {
    key: `own:${item.clientMessageId}`,
    id: undefined,
    conversationId: item.conversationId,
    seq: undefined,
    clientMessageId: item.clientMessageId,
    sender,
    own: true,
    text: item.text,
    media: item.media,
    messageType: item.messageType,
    replyTo: item.replyTo,
    createdAt: item.createdAt,
    deleted: false,
    state: item.state,
    error: item.error,
  };
  pendingCache.set(item, view);
  return view;
}

/** Stored messages in the order of `seq`, then those on their way in the order in which they were written. */
export function messagesOf(state: ConversationState, pending: readonly OutboxItem[]): ChatMessage[] {
  const { everyone, me } = state;
  const stored = state.timeline.messages.map((message) => storedView(message, me, statusAt(message.seq, everyone)));
  return pending.length === 0
    ? stored
    : [...stored, ...pending.map((item) => pendingView(item, senderIn(state.info, me)))];
}

/** One message, which need not be in the list. */
export function messageOf(state: ConversationState, message: Message): ChatMessage {
  return storedView(message, state.me, statusAt(message.seq, state.everyone));
}

export function senderIn(info: Conversation, userId: string): Sender {
  const found = info.participants.find((participant) => participant._id === userId);
  if (!found) return { _id: userId, firstName: '', lastName: '', name: userId, profileImage: null };
  const { _id, firstName, lastName, name, profileImage } = found;
  return { _id, firstName, lastName, name, profileImage };
}

/** @param before kept, if it still says the same, so that lists see no change */
export function conversationOf(
  state: ConversationState,
  pending: readonly OutboxItem[],
  before: ChatConversation | undefined,
): ChatConversation {
  const { info, me } = state;
  const others = info.participants.filter((participant) => participant._id !== me);
  const lastMessage = lastMessageOf(state, pending.at(-1));
  const view: ChatConversation = {
    id: state.id,
    title: info.name ?? (others.map((other) => other.name).join(', ') || senderIn(info, me).name),
    isGroup: info.isGroup,
    participants: info.participants,
    others,
    lastMessage,
    activeAt: lastMessage?.createdAt ?? info.lastMessageAt ?? info.createdAt,
    unreadCount: state.unread,
  };
  return before && JSON.stringify(before) === JSON.stringify(view) ? before : view;
}

function lastMessageOf(state: ConversationState, pending: OutboxItem | undefined): LastMessage | undefined {
  const { info, me } = state;
  if (pending) {
    const { text, messageType, createdAt, state: sending } = pending;
    const sender = senderIn(info, me);
    return { id: undefined, text, messageType, sender, own: true, deleted: false, createdAt, state: sending };
  }
  const last = info.lastMessage;
  if (!last) return undefined;
  return {
    id: last._id,
    text: last.text,
    messageType: last.messageType,
    sender: last.senderId,
    own: last.senderId._id === me,
    deleted: last.deletedAt !== null,
    createdAt: last.createdAt,
    state: higher(last.status, statusAt(last.seq, state.everyone)),
  };
}
