import { collectionsOf, type MongoStore, membershipId } from '@confab/mongo';
import { type Collection, type Document, ObjectId } from 'mongodb';

export interface SeedPlan {
  /** In all conversations together. */
  messages: number;
  /** Of the one heavy user. */
  conversations: number;
}

export interface Seeded {
  database: string;
  userId: string;
  conversations: { id: string; seq: number; changeSeq: number }[];
}

/** Messages in one insert. */
const BATCH = 1_000;
/** Of each conversation, so many of the newest are unread. Source: what gathers over a night in active ones. */
const UNREAD = 3;
const TEXT = 'A message of a usual length, as people write them to each other all day long. '.repeat(3);

/**
 * A heavy user: many conversations of two, the same number of messages in each, some of them unread.
 * @param store on a database in which there is nothing yet
 * @throws Error of the driver if something is not taken
 */
export async function seedStore(store: MongoStore, plan: SeedPlan): Promise<Seeded> {
  const { conversations, memberships, messages, users } = collectionsOf(store.db);
  const perConversation = Math.floor(plan.messages / plan.conversations);
  const ids = Array.from({ length: plan.conversations }, () => new ObjectId());
  const at = (seq: number) => new Date(Date.UTC(2024, 0, 1) + seq * 1_000);
  await insertAll(
    conversations as unknown as Collection,
    ids.map((_id, i) => conversationDoc(_id, i, perConversation, at(perConversation + i))),
  );
  await insertAll(
    memberships as unknown as Collection,
    ids.flatMap((_id, i) => memberDocs(_id, i, perConversation)),
  );
  const people = ['heavy', ...ids.map((_, i) => `friend${i}`)];
  await insertAll(users as unknown as Collection, people.map((_id) => ({ _id, name: `Name of ${_id}` })) as never);
  for (const [i, conversationId] of ids.entries()) {
    const docs = Array.from({ length: perConversation }, (_, n) => messageDoc(conversationId, i, n + 1, at(n + 1)));
    await insertAll(messages as unknown as Collection, docs);
  }
  return {
    database: store.db.databaseName,
    userId: 'heavy',
    conversations: ids.map((id) => ({ id: id.toHexString(), seq: perConversation, changeSeq: 0 })),
  };
}

async function insertAll(collection: Collection, docs: Document[]): Promise<void> {
  for (let from = 0; from < docs.length; from += BATCH) {
    await collection.insertMany(docs.slice(from, from + BATCH), { ordered: false, writeConcern: { w: 1 } });
  }
}

const conversationDoc = (_id: ObjectId, index: number, seq: number, at: Date): Document => ({
  _id,
  participants: ['heavy', `friend${index}`],
  isGroup: false,
  name: null,
  ownerId: null,
  seq,
  changeSeq: 0,
  denseSeq: seq,
  lastMessage: {
    messageId: new ObjectId(),
    senderId: `friend${index}`,
    text: TEXT,
    messageType: 'text',
    createdAt: at,
    deletedAt: null,
  },
  lastMessageAt: at,
  createdAt: at,
  updatedAt: at,
});

function memberDocs(conversationId: ObjectId, index: number, seq: number): Document[] {
  const row = (userId: string) => ({
    _id: membershipId(conversationId.toHexString(), userId),
    ...{ conversationId, userId, joinedSeq: 0, active: true, changeSeq: 0 },
  });
  return [
    { ...row('heavy'), deliveredSeq: seq, readSeq: Math.max(0, seq - UNREAD) },
    { ...row(`friend${index}`), deliveredSeq: seq, readSeq: seq },
  ];
}

const messageDoc = (conversationId: ObjectId, index: number, seq: number, at: Date): Document => ({
  _id: new ObjectId(),
  conversationId,
  seq,
  senderId: seq % 2 ? `friend${index}` : 'heavy',
  text: TEXT,
  media: [],
  messageType: 'text',
  replyTo: null,
  deletedAt: null,
  createdAt: at,
  updatedAt: at,
});
