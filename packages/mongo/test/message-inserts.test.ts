import type { StoredMessage } from '@confab/chat';
import { startTcpProxy, type TcpProxy, testMongo } from '@confab/testkit';
import { ObjectId } from 'mongodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectionsOf, connectMongo, type MongoStore } from '../src/index.ts';

/* Messages that come together are stored by one command; each has the result of its own. */

let proxy: TcpProxy;
let store: MongoStore;
let inserts: number;
beforeEach(async () => {
  const mongo = await testMongo();
  proxy = await startTcpProxy(mongo.url);
  store = await connectMongo({ url: proxy.through(mongo.url), database: mongo.dbName(), poolSize: 4 });
  inserts = 0;
  proxy.onRequest((chunk) => {
    if (chunk.toString('latin1').includes('insert\0')) inserts += 1;
  });
});
afterEach(async () => {
  await store.db.dropDatabase();
  await store.close();
  await proxy.close();
});

const newId = () => new ObjectId().toHexString();
const conversationId = newId();

const messageOf = (seq: number, clientMessageId: string | null = null): StoredMessage => ({
  ...{ id: newId(), conversationId, seq, changeSeq: 0, senderId: 'alice', clientMessageId },
  ...{ text: `message ${seq}`, media: [], messageType: 'text', replyTo: null, deletedAt: null, deletedFor: [] },
  ...{ createdAt: new Date(), updatedAt: new Date() },
});
const insertAll = (messages: StoredMessage[]) => Promise.all(messages.map((m) => store.messages.insert(m)));
const stored = async () => (await store.messages.range(conversationId, 0, 1_000, 1_000)).map(({ id }) => id);

test('what comes together takes one command', async () => {
  const messages = Array.from({ length: 40 }, (_, i) => messageOf(i + 1));
  expect(new Set((await insertAll(messages)).map(({ kind }) => kind))).toEqual(new Set(['inserted']));
  expect(await stored()).toEqual(messages.map(({ id }) => id));
  expect(inserts).toBe(1);
});

test('one that is refused does not keep its neighbours from being stored', async () => {
  const [first, other] = [messageOf(1, 'c1'), messageOf(2)];
  await insertAll([first, other]);
  const batch = [messageOf(3), messageOf(4, 'c1'), messageOf(2), { ...first }, messageOf(5)];
  const results = await insertAll(batch);
  expect(results).toMatchObject([
    { kind: 'inserted' },
    { kind: 'client-id-used', message: { id: first.id } },
    { kind: 'seq-taken' },
    { kind: 'inserted' },
    { kind: 'inserted' },
  ]);
  expect(await stored()).toEqual([first, other, batch[0], batch[4]].map((message) => message?.id));
});

test('two of one client id in one command: one is stored, the other is answered with it', async () => {
  const [one, two] = [messageOf(1, 'c1'), messageOf(2, 'c1')];
  const results = await insertAll([one, two]);
  const winner = results[0]?.kind === 'inserted' ? one : two;
  expect(results.map(({ kind }) => kind).toSorted()).toEqual(['client-id-used', 'inserted']);
  expect(await stored()).toEqual([winner.id]);
});

test('a lost reply to a whole batch leaves each stored once', async () => {
  const lost = proxy.loseReplies({ request: /insert\0/, times: 1, how: 'cut' });
  const messages = Array.from({ length: 10 }, (_, i) => messageOf(i + 1, i % 2 ? `c${i}` : null));
  const results = await insertAll(messages);
  await lost.done;
  expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['inserted']));
  expect(await stored()).toEqual(messages.map(({ id }) => id));
});

/** What the client sees where a member of a replica set is the primary. */
const seePrimary = (address: string) => {
  const servers = new Map([[address, { address, type: 'RSPrimary', electionId: null }]]);
  store.db.client.emit('topologyDescriptionChanged', { newDescription: { servers } } as never);
};

test('a seq that the former primary did not pass on is raised after an insert that its successor took at once', async () => {
  const { conversation } = await store.conversations.createDirect(['alice', 'bob'], new Date());
  const { conversations } = collectionsOf(store.db);
  const filter = { _id: new ObjectId(conversation.id) };
  const seqNow = async () => (await conversations.findOne(filter))?.seq;
  const sendThrough = async (failOver: () => void) => {
    const preview = { messageId: newId(), senderId: 'alice', text: 'hi', createdAt: new Date() } as never;
    const seq = (await store.conversations.takeSeq(conversation.id, 'alice', preview))?.seq ?? 0;
    await conversations.updateOne(filter, { $set: { seq: seq - 1 } });
    failOver();
    const message = { ...messageOf(seq), conversationId: conversation.id };
    expect(await store.messages.insert(message)).toEqual({ kind: 'inserted' });
    return seq;
  };
  seePrimary('first');
  // Nothing else would have lost it, and nothing is asked on the common path.
  const untouched = await sendThrough(() => {});
  expect(await seqNow()).toBe(untouched - 1);
  await conversations.updateOne(filter, { $set: { seq: untouched } });
  const seq = await sendThrough(() => seePrimary('second'));
  expect(await seqNow()).toBe(seq);
});

test('without an answer each caller is told so', async () => {
  proxy.blackholeAll();
  const outcomes = await Promise.allSettled([messageOf(1), messageOf(2)].map((m) => store.messages.insert(m)));
  proxy.heal();
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE', retryAfter: 1 } });
  }
});
