import { startTcpProxy, type TcpProxy, testMongo } from '@confab/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectMongo, type MongoStore } from '../src/index.ts';

/* Users who are met at the same time are written by one command. */

let proxy: TcpProxy;
let store: MongoStore;
let updates: number;
beforeEach(async () => {
  const mongo = await testMongo();
  proxy = await startTcpProxy(mongo.url);
  store = await connectMongo({ url: proxy.through(mongo.url), database: mongo.dbName() });
  updates = 0;
  proxy.onRequest((chunk) => {
    if (chunk.toString('latin1').includes('update\0')) updates += 1;
  });
});
afterEach(async () => {
  await store.db.dropDatabase();
  await store.close();
  await proxy.close();
});

const ids = Array.from({ length: 50 }, (_, i) => `user${i}`);

test('first contacts that come together take one command, later ones some', async () => {
  await Promise.all(ids.map((id) => store.users.merge(id, { name: `Name of ${id}` })));
  expect(updates).toBe(1);
  const found = await store.users.findMany(ids);
  expect(found.map(({ id, profile }) => [id, profile.name]).sort()).toEqual(
    ids.map((id) => [id, `Name of ${id}`]).sort(),
  );
});

test('the same user may be met by several at once, and only what is present changes', async () => {
  await Promise.all(Array.from({ length: 10 }, () => store.users.merge('alice', { firstName: 'Alice' })));
  await Promise.all([store.users.merge('alice', { lastName: 'Jones' }), store.users.setLastSeen('alice', 5)]);
  await store.users.merge('alice', {});
  expect(await store.users.findMany(['alice'])).toEqual([
    { id: 'alice', profile: { firstName: 'Alice', lastName: 'Jones' }, lastSeen: 5 },
  ]);
});

test('one that the store refuses fails alone', async () => {
  const tooLong = 'x'.repeat(17_000_000);
  const outcomes = await Promise.allSettled([
    store.users.merge('alice', { name: 'Alice' }),
    store.users.merge('bob', { name: tooLong }),
  ]);
  expect(outcomes[1]?.status).toBe('rejected');
  await store.users.merge('carol', { name: 'Carol' });
  expect((await store.users.findMany(['alice', 'bob', 'carol'])).map(({ id }) => id)).toContain('carol');
});
