import type {
  MediaFacts,
  MediaState,
  MemberMarks,
  StoredConversation,
  StoredMedia,
  StoredMediaItem,
  StoredMembership,
  StoredMessage,
  StoredPreview,
  StoredUser,
} from '@confab/chat';
import type { MediaKind, MessageType, UserProfile } from '@confab/contracts';
import { ObjectId } from 'mongodb';

export interface PreviewDoc {
  messageId: ObjectId;
  /** Absent: the conversation's own seq (the send step that sets the preview takes that number in the same operation). */
  seq?: number;
  senderId: string;
  text: string | null;
  messageType: MessageType;
  createdAt: Date;
  deletedAt: Date | null;
}

export interface ConversationDoc {
  _id: ObjectId;
  participants: string[];
  isGroup: boolean;
  name: string | null;
  ownerId: string | null;
  /** 1:1 only: the two ids sorted, so that two simultaneous creations collide. */
  pairKey?: string;
  seq: number;
  changeSeq: number;
  /** Every seq up to here has a row (the hole filler's own book; absent: 0). */
  denseSeq?: number;
  lastMessage: PreviewDoc | null;
  lastMessageAt: Date;
  createdAt: Date;
  updatedAt: Date;
}

export interface MembershipDoc {
  /** See `membershipId`; older rows have what their driver made. */
  _id: string | ObjectId;
  conversationId: ObjectId;
  userId: string;
  deliveredSeq: number;
  readSeq: number;
  joinedSeq: number;
  hiddenSeq?: number;
  active: boolean;
  changeSeq: number;
  changing?: string[];
}

export interface MessageDoc {
  _id: ObjectId;
  conversationId: ObjectId;
  seq: number;
  /** Absent until the first change. */
  changeSeq?: number;
  senderId: string;
  clientMessageId?: string;
  text: string | null;
  media: StoredMediaItem[];
  messageType: MessageType;
  replyTo: ObjectId | null;
  deletedAt: Date | null;
  /** Absent until somebody deletes it for themselves: keeps the partial index small. */
  deletedFor?: string[];
  changing?: string[];
  unpublished?: true;
  void?: true;
  createdAt: Date;
  updatedAt: Date;
}

export interface MediaDoc {
  _id: ObjectId;
  ownerId: string;
  conversationId: ObjectId;
  kind: MediaKind;
  contentType: string;
  filename: string;
  size: number;
  state: MediaState;
  facts: MediaFacts;
  claim?: string;
  /** Absent until a message claims it: keeps the partial index small. */
  messageIds?: string[];
  thumbnail: StoredMedia['thumbnail'];
  /** Absent when the worker has nothing to do with it. */
  dueAt?: Date;
  thumbnailDueAt?: Date;
  ticketExpiresAt: Date;
  createdAt: Date;
}

export interface UserDoc extends UserProfile {
  _id: string;
  lastSeen?: number;
  /** Fingerprint of the claims that were merged last. */
  mergedClaims?: string;
}

export const oid = (id: string): ObjectId => ObjectId.createFromHexString(id);

export function toPreview(doc: PreviewDoc, conversationSeq: number): StoredPreview {
  const { messageId, seq, ...rest } = doc;
  return { messageId: messageId.toHexString(), seq: seq ?? conversationSeq, ...rest };
}

export function fromPreview(preview: StoredPreview): PreviewDoc {
  const { messageId, ...rest } = preview;
  return { messageId: oid(messageId), ...rest };
}

export function toConversation(doc: ConversationDoc): StoredConversation {
  return {
    id: doc._id.toHexString(),
    participants: doc.participants,
    isGroup: doc.isGroup,
    name: doc.name,
    ownerId: doc.ownerId,
    seq: doc.seq,
    changeSeq: doc.changeSeq,
    lastMessage: doc.lastMessage && toPreview(doc.lastMessage, doc.seq),
    lastMessageAt: doc.lastMessageAt,
    createdAt: doc.createdAt,
    updatedAt: doc.updatedAt,
  };
}

/**
 * What the row of a member is known by, whoever makes it. With ids of their own, two first writes would meet at the index of the pair only, where a
 * server on PostgreSQL lets each wait for the other until it gives one up a second later; of rows with one _id it refuses the second at once.
 */
export const membershipId = (conversationId: string, userId: string): string => `${conversationId} ${userId}`;

export const toMarks = ({
  conversationId,
  userId,
  deliveredSeq,
  readSeq,
  active,
  changing,
}: MembershipDoc): MemberMarks => ({
  conversationId: conversationId.toHexString(),
  userId,
  deliveredSeq: deliveredSeq ?? 0,
  readSeq: readSeq ?? 0,
  active: active ?? true,
  changing: (changing?.length ?? 0) > 0,
});

export function toMembership(doc: MembershipDoc): StoredMembership {
  return {
    conversationId: doc.conversationId.toHexString(),
    userId: doc.userId,
    deliveredSeq: doc.deliveredSeq ?? 0,
    readSeq: doc.readSeq ?? 0,
    joinedSeq: doc.joinedSeq ?? 0,
    hiddenSeq: doc.hiddenSeq ?? 0,
    active: doc.active ?? true,
    changeSeq: doc.changeSeq ?? 0,
    changing: (doc.changing?.length ?? 0) > 0,
  };
}

export function toMessage(doc: MessageDoc): StoredMessage {
  return {
    id: doc._id.toHexString(),
    conversationId: doc.conversationId.toHexString(),
    seq: doc.seq,
    changeSeq: doc.changeSeq ?? 0,
    senderId: doc.senderId,
    clientMessageId: doc.clientMessageId ?? null,
    text: doc.text,
    media: doc.media,
    messageType: doc.messageType,
    replyTo: doc.replyTo?.toHexString() ?? null,
    deletedAt: doc.deletedAt,
    deletedFor: doc.deletedFor ?? [],
    createdAt: doc.createdAt,
    updatedAt: doc.updatedAt,
  };
}

export function fromMessage(message: StoredMessage): MessageDoc {
  return {
    _id: oid(message.id),
    conversationId: oid(message.conversationId),
    seq: message.seq,
    senderId: message.senderId,
    ...(message.clientMessageId !== null && { clientMessageId: message.clientMessageId }),
    text: message.text,
    media: message.media,
    messageType: message.messageType,
    replyTo: message.replyTo === null ? null : oid(message.replyTo),
    deletedAt: message.deletedAt,
    unpublished: true,
    createdAt: message.createdAt,
    updatedAt: message.updatedAt,
  };
}

export function toMedia(doc: MediaDoc): StoredMedia {
  const { _id, conversationId, claim, messageIds, dueAt, thumbnailDueAt, ...same } = doc;
  return {
    ...same,
    id: _id.toHexString(),
    conversationId: conversationId.toHexString(),
    claim: claim ?? null,
    messageIds: messageIds ?? [],
    dueAt: dueAt ?? null,
    thumbnailDueAt: thumbnailDueAt ?? null,
  };
}

export function fromMedia(media: StoredMedia): MediaDoc {
  const { id, conversationId, claim, messageIds, dueAt, thumbnailDueAt, ...same } = media;
  return {
    ...same,
    _id: oid(id),
    conversationId: oid(conversationId),
    ...(claim !== null && { claim }),
    ...(messageIds.length > 0 && { messageIds }),
    ...(dueAt !== null && { dueAt }),
    ...(thumbnailDueAt !== null && { thumbnailDueAt }),
  };
}

export function toUser(doc: UserDoc): StoredUser {
  const { _id, lastSeen, firstName, lastName, name, profileImage } = doc;
  return {
    id: _id,
    profile: {
      ...(firstName !== undefined && { firstName }),
      ...(lastName !== undefined && { lastName }),
      ...(name !== undefined && { name }),
      ...(profileImage !== undefined && { profileImage }),
    },
    lastSeen: lastSeen ?? null,
  };
}
