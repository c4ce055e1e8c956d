import { listConversations, sendMessage } from '@confab/chat';
import { type Collection, type Db, type Document, MongoServerError, ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectionsOf } from '../src/collections.ts';
import { createMembershipRepository } from '../src/membership-repository.ts';
import { aggregateRows, findRow, findRows } from '../src/plain-reads.ts';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
let rows: Collection<Document>;
beforeAll(async () => {
  chat = await startChatFixture();
  rows = chat.store.db.collection('plain_reads');
  await rows.insertMany(
    Array.from({ length: 7 }, (_, n) => ({ _id: n as never, n, even: n % 2 === 0, text: `t${n}` })),
  );
});
afterAll(() => chat.close());

/** The database, with a record of the commands sent to it; those named fail without being sent. */
function recorded(failing?: string) {
  const sent: { command: Document; options: Document | undefined }[] = [];
  const command = async (command: Document, options?: Document) => {
    sent.push({ command, options });
    if (failing !== undefined && failing in command) throw new Error(`no ${failing}`);
    return chat.store.db.command(command, options);
  };
  return { db: { command } as Pick<Db, 'command'> as Db, sent };
}

test('finds what the driver finds, with all options', async () => {
  const { db } = chat.store;
  const filter = { n: { $gt: 0 } };
  const options = { projection: { text: 1 }, sort: { even: -1, n: 1 }, skip: 1, limit: 3 } as const;
  expect(await findRows(db, rows, filter, options)).toEqual(await rows.find(filter, options).toArray());
  expect(await findRows(db, rows, filter)).toEqual(await rows.find(filter).toArray());
  expect(await findRows(db, rows, { n: 99 })).toEqual([]);
  expect(await findRow(db, rows, { n: 3 })).toEqual(await rows.findOne({ n: 3 }));
  expect(await findRow(db, rows, { n: 99 })).toBeNull();
});

test('leaves out what is undefined, as the repositories expect', async () => {
  expect(await findRows(chat.store.db, rows, { n: 3, text: undefined }, { limit: undefined })).toHaveLength(1);
});

test('has all rows where one reply does not hold them', async () => {
  const { db } = chat.store;
  const all = await findRows(db, rows, {}, { sort: { n: -1 } }, 2);
  expect(all.map(({ n }) => n)).toEqual([6, 5, 4, 3, 2, 1, 0]);
  expect(await findRows(db, rows, {}, { sort: { n: 1 }, limit: 5, skip: 1 }, 2)).toHaveLength(5);
  const groups = [{ $group: { _id: '$n', ones: { $sum: 1 } } }, { $sort: { _id: 1 } }];
  expect(await aggregateRows(db, rows, groups, 2)).toEqual(await rows.aggregate(groups).toArray());
});

test('closes the cursor of a too long reply where it read, and has the rows though it cannot', async () => {
  const { db, sent } = recorded('killCursors');
  const secondary = chat.store.db.collection('plain_reads', { readPreference: 'secondaryPreferred' });
  expect(await findRows(db, secondary, {}, {}, 2)).toHaveLength(7);
  expect(sent.map(({ command }) => Object.keys(command)[0])).toEqual(['find', 'killCursors']);
  for (const { options } of sent) expect(options?.readPreference).toMatchObject({ mode: 'secondaryPreferred' });
});

test('leaves no cursor open for a single row', async () => {
  const { db, sent } = recorded();
  expect(await findRow(db, rows, { n: { $gt: 2 } }, { sort: { n: 1 } })).toMatchObject({ n: 3 });
  expect(sent).toMatchObject([{ command: { find: 'plain_reads', limit: 1, singleBatch: true } }]);
});

test('reads the marks of a page of large groups once', async () => {
  const { db, sent } = recorded();
  const memberships = createMembershipRepository({ ...collectionsOf(chat.store.db), db });
  const conversationId = new ObjectId();
  const members = Array.from({ length: 10_001 }, (_, n) => ({ conversationId, userId: `u${n}`, deliveredSeq: 1 }));
  await chat.store.db.collection('memberships').insertMany(members);
  expect(await memberships.marksOfOthers('nobody', [conversationId.toHexString()])).toHaveLength(10_001);
  expect(await memberships.deliveredIn([conversationId.toHexString()])).toHaveLength(10_001);
  expect(sent.map(({ command }) => Object.keys(command)[0])).toEqual(['find', 'find']);
});

test('fails as the driver does', async () => {
  const wrong = { n: { $nonsense: 1 } } as never;
  await expect(findRows(chat.store.db, rows, wrong)).rejects.toThrow(MongoServerError);
  await expect(aggregateRows(chat.store.db, rows, [{ $nonsense: 1 }])).rejects.toThrow(MongoServerError);
});

test("leaves a user's own row out of the marks of others, and fills what a row lacks", async () => {
  const { memberships, conversations } = chat.store;
  const now = new Date();
  const { id } = await conversations.createGroup({
    participants: ['ann', 'bob', 'cy'],
    name: null,
    ownerId: 'ann',
    now,
  });
  await memberships.raise([
    { conversationId: id, userId: 'ann', deliveredSeq: 9 },
    { conversationId: id, userId: 'bob', deliveredSeq: 5, readSeq: 3 },
    { conversationId: id, userId: 'cy', deliveredSeq: 4 },
  ]);
  const marks = await memberships.marksOfOthers('ann', [id]);
  expect(marks.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))).toEqual([
    { conversationId: id, userId: 'bob', deliveredSeq: 5, readSeq: 3, active: true, changing: false },
    { conversationId: id, userId: 'cy', deliveredSeq: 4, readSeq: 0, active: true, changing: false },
  ]);
  expect(await memberships.positionsOf('ann')).toContainEqual(expect.objectContaining({ deliveredSeq: 9, readSeq: 0 }));
});

test('shows a preview as delivered and read by whoever has, the caller too', async () => {
  const { memberships, conversations } = chat.store;
  const participants = ['dora', 'emil', 'finn'];
  const { id } = await conversations.createGroup({ participants, name: null, ownerId: 'dora', now: new Date() });
  await sendMessage(chat.ctx, { senderId: 'dora', body: { conversationId: id, text: 'hi' }, traceId: 't' });
  const statusFor = async (userId: string) => {
    const { conversations: listed } = await listConversations(chat.ctx, userId, {});
    return listed.find(({ _id }) => _id === id)?.lastMessage?.status;
  };
  await memberships.raise([{ conversationId: id, userId: 'emil', readSeq: 1, deliveredSeq: 1 }]);
  expect(await Promise.all(participants.map(statusFor))).toEqual(['sent', 'sent', 'sent']);
  await memberships.raise([{ conversationId: id, userId: 'finn', deliveredSeq: 1 }]);
  expect(await Promise.all(participants.map(statusFor))).toEqual(['delivered', 'delivered', 'delivered']);
  await memberships.raise([{ conversationId: id, userId: 'finn', readSeq: 1 }]);
  expect(await Promise.all(participants.map(statusFor))).toEqual(['read', 'read', 'read']);
});
