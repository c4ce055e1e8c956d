import { randomUUID } from 'node:crypto';
import { testMongo } from '@confab/testkit';
import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectMongo, type MongoStore } from '../src/index.ts';

/** Two processes, as far as the store can tell. */
let stores: [MongoStore, MongoStore];
beforeAll(async () => {
  const mongo = await testMongo();
  const options = { url: mongo.url, database: mongo.dbName() };
  stores = [await connectMongo(options), await connectMongo(options)];
});
afterAll(() => Promise.all(stores.map((store) => store.close())));

const ROUNDS = Array.from({ length: 20 }, (_, round) => round);

test('whatever writes the row of a member first, all of it counts', async () => {
  for (const _ of ROUNDS) {
    const id = new ObjectId().toHexString();
    const key = { conversationId: id, userId: 'bob' };
    const reads = await Promise.all(
      stores.flatMap(({ memberships }, i) => [
        memberships.raise([{ ...key, deliveredSeq: 7 + i }]),
        memberships.raiseHidden(id, 'bob', 2 + i),
        memberships.ensure(id, ['ann', 'bob'], 1 + i, undefined),
        memberships.raiseRead(id, 'bob', 5),
      ]),
    );
    expect(reads.filter((read) => read !== undefined).toSorted((a, b) => a.before - b.before)).toEqual([
      { before: 0 },
      { before: 5 },
    ]);
    const rows = await stores[0].memberships.ofConversations([id]);
    expect(rows.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))).toMatchObject([
      { userId: 'ann', deliveredSeq: 0, active: true },
      { userId: 'bob', deliveredSeq: 8, readSeq: 5, hiddenSeq: 3, active: true },
    ]);
  }
});

const opened = async (stores: MongoStore[]) => {
  const pair: [string, string] = [`ann-${randomUUID()}`, 'bob'];
  const all = await Promise.all(stores.map(({ conversations }) => conversations.createDirect(pair, new Date())));
  return { ids: new Set(all.map(({ conversation }) => conversation.id)), created: all.map(({ created }) => created) };
};

test('requests of one process for the same new conversation get one, which the first has created', async () => {
  for (const _ of ROUNDS) {
    const { ids, created } = await opened([stores[0], stores[0], stores[0]]);
    expect(ids.size).toBe(1);
    expect(created).toEqual([true, false, false]);
  }
});

test('so do requests of two processes', async () => {
  const { ids, created } = await opened([...stores]);
  expect(ids.size).toBe(1);
  expect(created.filter(Boolean)).toHaveLength(1);
});
