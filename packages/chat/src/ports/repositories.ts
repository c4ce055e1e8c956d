import type { UserProfile } from '@confab/contracts';
import type { StoredConversation, StoredMembership, StoredMessage, StoredPreview, StoredUser } from '../model.ts';
import type { MediaRepository } from './media.ts';

/*
 * Ports to the store. Guarantee of all of them: a write that returned is durable (majority write concern); a single document
 * changes atomically; there are no transactions over documents. Each throws ChatError UNAVAILABLE (with retryAfter) when the store
 * does not answer in time, and then the write may or may not have happened.
 */

/** A seq for a message, and who took part when it was taken. */
export interface SeqTaken {
  seq: number;
  participants: readonly string[];
}

/** A conversation, the rows of its members, and a page of its messages. */
export interface OpenedHistory {
  conversation: StoredConversation;
  members: StoredMembership[];
  messages: StoredMessage[];
}

export interface ConversationRepository {
  /** The conversation, if the user is a participant; null for foreign and unknown alike. */
  findFor(userId: string, conversationId: string): Promise<StoredConversation | null>;
  /** What a page of history is made of, if the viewer is a participant; null for foreign and unknown alike, with as little work for either. */
  openHistory(query: HistoryQuery): Promise<OpenedHistory | null>;
  /** Those of the given conversations that the user is in, bounded by `limit`. */
  findManyFor(userId: string, ids: string[], limit: number): Promise<StoredConversation[]>;
  /** Of the same, the counters alone. */
  headsFor(userId: string, ids: string[]): Promise<ConversationHead[]>;
  /** The most recent first, `before` exclusive, without those of `except`. */
  listFor(
    userId: string,
    page: { limit: number; before?: { at: Date; id: string }; except?: string[] },
  ): Promise<StoredConversation[]>;
  /** All of the user's, however many, with their counters alone. */
  countersFor(userId: string): Promise<Pick<StoredConversation, 'id' | 'seq' | 'changeSeq' | 'isGroup'>[]>;
  /**
   * Takes the next seq for a message of this sender, and sets the preview, in one atomic step.
   * @returns null if there is no conversation in which the sender takes part
   */
  takeSeq(conversationId: string, senderId: string, preview: Omit<StoredPreview, 'seq'>): Promise<SeqTaken | null>;
  /** Sets the preview to `preview` if it still shows the message `messageId`. */
  replacePreview(conversationId: string, messageId: string, preview: StoredPreview | null): Promise<void>;
  /** Takes the next change number. */
  takeChangeSeq(conversationId: string): Promise<number>;
  findDirect(pairKey: string): Promise<StoredConversation | null>;
  /** Two simultaneous creations give one conversation; `created` tells whose it was. */
  createDirect(pair: [string, string], now: Date): Promise<{ conversation: StoredConversation; created: boolean }>;
  createGroup(group: {
    participants: string[];
    name: string | null;
    ownerId: string;
    now: Date;
  }): Promise<StoredConversation>;
  /**
   * Only while the group is as it was read.
   * @param asRead.size how many take part
   * @param asRead.seq its seq; absent: whatever it is
   * @returns null if there is no such group, or it is not so any more
   */
  addParticipants(
    conversationId: string,
    userIds: string[],
    now: Date,
    asRead: { size: number; seq?: number },
  ): Promise<StoredConversation | null>;
  /**
   * Where it is the owner, the next participant owns the group from the same moment on: of those who are left, who has been in it the longest.
   * @returns the group without them; null if there is no such group
   */
  removeParticipant(conversationId: string, userId: string, now: Date): Promise<StoredConversation | null>;
  /** Everybody who shares a conversation with the user, at most `limit`. */
  contactsOf(userId: string, limit: number): Promise<string[]>;
  /** For the worker: conversations by id, whoever takes part. */
  findByIds(ids: string[]): Promise<StoredConversation[]>;
  /** The same, with no more than who takes part and the counter. */
  rostersOf(ids: string[]): Promise<Roster[]>;
  /** For the hole filler: conversations with a message attempt since `since`, the oldest first. */
  activeSince(since: Date, limit: number): Promise<ConversationActivity[]>;
  /** Remembers that every seq up to `denseSeq` has a row, so that the filler need not look there again. */
  setDenseSeq(conversationId: string, denseSeq: number): Promise<void>;
}

export type ConversationHead = Pick<StoredConversation, 'id' | 'seq' | 'changeSeq' | 'lastMessageAt'>;

export type Roster = Pick<StoredConversation, 'id' | 'seq' | 'participants'>;

export interface ConversationActivity {
  id: string;
  seq: number;
  denseSeq: number;
  preview: { messageId: string; seq: number } | null;
  /** Of the last attempt to send; unlike `lastMessageAt` it never goes back to an older message. */
  updatedAt: Date;
}

/** fromSeq < seq <= toSeq */
export interface SeqRange {
  conversationId: string;
  fromSeq: number;
  toSeq: number;
}

/** Messages of a conversation with a greater seq, and the conversation's counters as they were read before. */
export interface UnreadRange {
  conversationId: string;
  aboveSeq: number;
  seq: number;
  changeSeq: number;
}

export type InsertResult =
  | { kind: 'inserted' }
  /** The seq is occupied (by a void): take another. */
  | { kind: 'seq-taken' }
  /** The sender used this client id before: that message is the answer. */
  | { kind: 'client-id-used'; message: StoredMessage };

export interface HistoryQuery {
  conversationId: string;
  /** Messages that this user deleted for themselves are left out. */
  viewer: string;
  /** Exclusive bounds. */
  aboveSeq: number;
  belowSeq?: number;
  order: 'newest-first' | 'oldest-first';
  skip: number;
  limit: number;
}

export interface MessageRepository {
  /** Stores the message marked `unpublished`. */
  insert(message: StoredMessage): Promise<InsertResult>;
  findById(id: string): Promise<StoredMessage | null>;
  /** Without voids. */
  findByIds(conversationId: string, ids: string[]): Promise<StoredMessage[]>;
  history(query: HistoryQuery): Promise<StoredMessage[]>;
  /** Voids above the seq: rows that nobody sees. */
  countVoids(conversationId: string, aboveSeq: number): Promise<number>;
  /** Rows above the seq that this user deleted for themselves. */
  countHidden(conversationId: string, userId: string, aboveSeq: number): Promise<number>;
  /**
   * Messages of others, not deleted, not void, not deleted by the user for themselves, above the seq of each range; a conversation is named once.
   * @returns the counts by conversation; those without any are absent
   */
  countUnread(userId: string, ranges: readonly UnreadRange[]): Promise<Map<string, number>>;
  /**
   * Rows of each range, whatever they are: voids and deleted ones too; a conversation is named once.
   * @returns the counts by conversation; those without any are absent
   */
  countRows(ranges: readonly SeqRange[]): Promise<Map<string, number>>;
  /** Every row with fromSeq < seq <= toSeq in ascending order, voids too (`void: true`): for sync, which must see holes. */
  range(
    conversationId: string,
    fromSeq: number,
    toSeq: number,
    limit: number,
  ): Promise<(StoredMessage & { void: boolean })[]>;
  /** Rows with seq <= toSeq stamped above fromChangeSeq, in order of their stamps. */
  stampedSince(conversationId: string, fromChangeSeq: number, toSeq: number, limit: number): Promise<StoredMessage[]>;
  /** Rows with seq <= toSeq whose change is not stamped yet. */
  marked(conversationId: string, toSeq: number, limit: number): Promise<StoredMessage[]>;
  /** Fills a hole. @returns false if a message was there */
  fillVoid(conversationId: string, seq: number, now: Date): Promise<boolean>;
  newest(conversationId: string): Promise<StoredMessage | null>;
  /** Applies the deletion together with the mark `token`. @returns false if it was deleted so already */
  deleteForEveryone(id: string, token: string, now: Date): Promise<boolean>;
  /** The same for one user; `updatedAt`, which others see, stays as it is. */
  deleteFor(id: string, userId: string, token: string): Promise<boolean>;
  /** changeSeq = max(changeSeq, it), and the mark goes. */
  stamp(id: string, token: string, changeSeq: number): Promise<void>;
  clearUnpublished(ids: string[]): Promise<void>;
  /** Marked `unpublished` and created before `before`, the oldest first. */
  findUnpublished(before: Date, limit: number): Promise<StoredMessage[]>;
  /** Change marks made before `before`: their writers crashed. */
  findStaleMarks(before: Date, limit: number): Promise<StaleMessageMarks[]>;
  /** What the sender stored under this client id. */
  findByClientId(conversationId: string, senderId: string, clientMessageId: string): Promise<StoredMessage | null>;
  /** Notes on those of these messages that carry the upload that it has a thumbnail. */
  setThumbnail(messageIds: string[], mediaId: string): Promise<void>;
  /** Seqs that have a row, by conversation, and whether it is a void. */
  presentSeqs(ranges: SeqRange[]): Promise<Map<string, Map<number, { void: boolean }>>>;
  /** Ids and senders of (fromSeq, toSeq], the newest first, without voids and deleted ones. */
  authors(conversationId: string, fromSeq: number, toSeq: number, limit: number): Promise<MessageAuthor[]>;
}

export interface StaleMessageMarks {
  id: string;
  conversationId: string;
  tokens: string[];
  deletedForEveryone: boolean;
}

export interface MessageAuthor {
  messageId: string;
  seq: number;
  senderId: string;
}

export interface MembershipRepository {
  /** Rows of the conversation's members; a member without a row has read and received nothing. */
  ofConversations(conversationIds: string[]): Promise<StoredMembership[]>;
  /**
   * Of the same rows, but for this user's, how far the members have received and read, and whether they are in it, alone.
   * @param atMost rows, whichever; absent: all
   */
  marksOfOthers(userId: string, conversationIds: string[], atMost?: number): Promise<MemberMarks[]>;
  /** Of the same rows, how far messages have reached, alone. */
  deliveredIn(conversationIds: string[]): Promise<DeliveredMark[]>;
  /** What the rows of each conversation's members, those who left too, come to; conversations without rows are absent. */
  digestsOf(conversationIds: string[]): Promise<Map<string, MembersDigest>>;
  ofUser(userId: string, conversationIds?: string[]): Promise<StoredMembership[]>;
  /** Of all of the user's rows, how far they have received and read and what they see, alone. */
  positionsOf(userId: string): Promise<OwnPosition[]>;
  find(conversationId: string, userId: string): Promise<StoredMembership | null>;
  /** Creates or revives rows, with the mark `token` if given (a change to stamp). */
  ensure(conversationId: string, userIds: string[], joinedSeq: number, token?: string): Promise<void>;
  /** Remembers the highest seq that the user deleted for themselves. */
  raiseHidden(conversationId: string, userId: string, seq: number): Promise<void>;
  /** Sets those rows inactive that `ensure` gave the mark, and it goes: their users were not let in. */
  takeBack(conversationId: string, userIds: string[], token: string): Promise<void>;
  /** Sets rows inactive, with the mark. */
  leave(conversationId: string, userId: string, token: string): Promise<void>;
  /** changeSeq = max(changeSeq, it) on the rows of these users that carry the mark, and it goes. */
  stamp(conversationId: string, userIds: string[], token: string, changeSeq: number): Promise<void>;
  findStaleMarks(
    before: Date,
    limit: number,
  ): Promise<{ conversationId: string; userId: string; active: boolean; tokens: string[] }[]>;
  /** Moves watermarks up, never down, in one batch. */
  raise(moves: WatermarkMove[]): Promise<void>;
  /** The same for one member's readSeq (deliveredSeq goes along), telling what it was before. */
  raiseRead(conversationId: string, userId: string, seq: number): Promise<{ before: number }>;
}

/** Equal numbers mean that nothing moved. */
export interface MembersDigest {
  /** Sum of all deliveredSeq and readSeq. */
  marks: number;
  /** Of the newest change. */
  changeSeq: number;
  /** Some change is being stamped. */
  changing: boolean;
}

/** How far a member has received and read, and what they see. */
export type OwnPosition = Pick<
  StoredMembership,
  'conversationId' | 'deliveredSeq' | 'readSeq' | 'joinedSeq' | 'hiddenSeq' | 'active' | 'changing'
>;

export type MemberMarks = Pick<
  StoredMembership,
  'conversationId' | 'userId' | 'deliveredSeq' | 'readSeq' | 'active' | 'changing'
>;

export type DeliveredMark = Pick<StoredMembership, 'conversationId' | 'userId' | 'deliveredSeq'>;

export interface WatermarkMove {
  conversationId: string;
  userId: string;
  deliveredSeq?: number;
  readSeq?: number;
  /** The member's row was seen: rows never go, so this is an update. */
  known?: boolean;
}

export interface UserRepository {
  findMany(ids: string[]): Promise<StoredUser[]>;
  /** Creates or replaces the profile; fields that are absent are removed. */
  put(users: { id: string; profile: UserProfile }[]): Promise<void>;
  /** Creates the user, or changes the fields that are present, unless these claims are those that were merged last: then what was put since stays. */
  merge(id: string, claims: UserProfile): Promise<void>;
  setLastSeen(id: string, at: number): Promise<void>;
  exists(id: string): Promise<boolean>;
}

/** The store as one thing. */
export interface ChatStore {
  conversations: ConversationRepository;
  messages: MessageRepository;
  memberships: MembershipRepository;
  users: UserRepository;
  media: MediaRepository;
}
