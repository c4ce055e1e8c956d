import type { Collection, Db } from 'mongodb';
import type { ConversationDoc, MediaDoc, MembershipDoc, MessageDoc, UserDoc } from './documents.ts';

export interface Collections {
  /** Where they are: for plain commands. */
  db: Db;
  conversations: Collection<ConversationDoc>;
  memberships: Collection<MembershipDoc>;
  messages: Collection<MessageDoc>;
  users: Collection<UserDoc>;
  media: Collection<MediaDoc>;
}

/**
 * For reads of many rows: the first reply holds all of them (up to the 16 MB of any reply). By default it ends after 101 rows, and each longer list
 * costs a second round trip.
 */
export const ONE_REPLY = { batchSize: 10_000 } as const;

export function collectionsOf(db: Db): Collections {
  return {
    db,
    conversations: db.collection<ConversationDoc>('conversations'),
    memberships: db.collection<MembershipDoc>('memberships'),
    messages: db.collection<MessageDoc>('messages'),
    users: db.collection<UserDoc>('users'),
    media: db.collection<MediaDoc>('media'),
  };
}

/**
 * Creates the indexes; calling it again changes nothing. Every index is here because a query of this package needs it:
 * the comment names the query.
 */
export async function ensureIndexes(c: Collections): Promise<void> {
  await c.conversations.createIndexes([
    // lists and contacts of a user. Not with lastMessageAt: each message would rewrite one entry per participant
    { key: { participants: 1 }, name: 'by_participant' },
    {
      key: { pairKey: 1 },
      name: 'one_per_pair',
      unique: true,
      partialFilterExpression: { pairKey: { $exists: true } },
    },
    // the hole filler's scan of what was active lately
    { key: { updatedAt: 1 }, name: 'by_update' },
  ]);
  await c.memberships.createIndexes([
    { key: { conversationId: 1, userId: 1 }, name: 'one_per_member', unique: true },
    { key: { userId: 1 }, name: 'by_user' },
    { key: { changing: 1 }, name: 'marks', partialFilterExpression: { changing: { $exists: true } } },
  ]);
  await c.messages.createIndexes([
    // order, history, unread counts, sync; and what makes a seq unique
    { key: { conversationId: 1, seq: 1 }, name: 'one_per_seq', unique: true },
    {
      key: { conversationId: 1, senderId: 1, clientMessageId: 1 },
      name: 'one_per_client_id',
      unique: true,
      partialFilterExpression: { clientMessageId: { $exists: true } },
    },
    // the outbox: only what is not published yet is in it
    { key: { unpublished: 1, createdAt: 1 }, name: 'outbox', partialFilterExpression: { unpublished: true } },
    // catching up on changes
    {
      key: { conversationId: 1, changeSeq: 1 },
      name: 'by_change',
      partialFilterExpression: { changeSeq: { $exists: true } },
    },
    {
      key: { conversationId: 1, changing: 1 },
      name: 'marks_by_conversation',
      partialFilterExpression: { changing: { $exists: true } },
    },
    { key: { changing: 1 }, name: 'marks', partialFilterExpression: { changing: { $exists: true } } },
    // what the total of a history leaves out
    { key: { conversationId: 1, void: 1 }, name: 'voids', partialFilterExpression: { void: true } },
    {
      key: { conversationId: 1, deletedFor: 1 },
      name: 'hidden',
      partialFilterExpression: { deletedFor: { $exists: true } },
    },
  ]);
  await c.media.createIndexes([
    // quotas of a user
    { key: { ownerId: 1, createdAt: 1 }, name: 'by_owner' },
    // what a deleted message carried
    { key: { messageIds: 1 }, name: 'by_message', partialFilterExpression: { messageIds: { $exists: true } } },
    // the worker's two queues: attached uploads, the great majority, are in neither
    { key: { dueAt: 1 }, name: 'due', partialFilterExpression: { dueAt: { $exists: true } } },
    {
      key: { thumbnailDueAt: 1 },
      name: 'due_thumbnails',
      partialFilterExpression: { thumbnailDueAt: { $exists: true } },
    },
  ]);
}
