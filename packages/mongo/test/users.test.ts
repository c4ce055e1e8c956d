import { createContactBook } from '@confab/chat';
import { eventually, startTcpProxy, type TcpProxy, testMongo } from '@confab/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectMongo, type MongoStore } from '../src/index.ts';
import { patientStore } from './chat-fixture.ts';

/* Users who are met at the same time are written by one command, whichever process meets them. */

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

test('what an admin puts stays until the claims are others, whichever process meets the user next', async () => {
  const { url } = await testMongo();
  const other = await connectMongo({ url, database: store.db.databaseName });
  const profileOf = async () => (await store.users.findMany(['alice']))[0]?.profile;
  const claims = { firstName: 'Alice', name: 'Alice of the token' };
  const put = { name: 'Alice of the admin' };
  try {
    await store.users.put([{ id: 'alice', profile: { lastName: 'Jones' } }]);
    // As the documents of before: nobody knows whether claims were merged into them.
    await createContactBook(store.users).meet('alice', claims);
    expect(await profileOf()).toEqual({ ...claims, lastName: 'Jones' });
    await store.users.put([{ id: 'alice', profile: put }]);
    for (const { users } of [other, store]) {
      for (const again of [claims, {}, claims]) await createContactBook(users).meet('alice', again);
    }
    expect(await profileOf()).toEqual(put);
    await createContactBook(other.users).meet('alice', { ...claims, firstName: 'Alicia' });
    expect(await profileOf()).toEqual({ ...claims, firstName: 'Alicia' });
  } finally {
    await other.close();
  }
});

test('one that the store refuses fails alone', async () => {
  const half = 'x'.repeat(9_000_000);
  const patient = await patientStore(store);
  try {
    await patient.users.merge('bob', { lastName: half });
    const outcomes = await Promise.allSettled([
      patient.users.merge('carol', { name: 'Carol' }),
      patient.users.merge('bob', { name: half }),
      patient.users.merge('alice', { name: 'Alice' }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const named = await patient.users.findMany(['alice', 'carol']);
    expect(named.map(({ profile }) => profile.name).sort()).toEqual(['Alice', 'Carol']);
  } finally {
    await patient.close();
  }
}, 60_000);

test('who went offline is noted at once while others are met', async () => {
  let met = 0;
  let over = false;
  const meeting = Array.from({ length: 4 }, async () => {
    while (!over) await store.users.merge(`user${met++}`, { name: 'Somebody' });
  });
  await eventually(() => met > 8);
  const startedAt = performance.now();
  for (let i = 0; i < 30; i++) await store.users.setLastSeen(`gone${i}`, 5);
  const tookMs = performance.now() - startedAt;
  over = true;
  await Promise.all(meeting);
  expect(tookMs).toBeLessThan(1_500);
});

test('processes that meet the same users at the same time do not wait for each other', async () => {
  const mongo = await testMongo();
  const other = await connectMongo({ url: mongo.url, database: store.db.databaseName });
  try {
    const many = Array.from({ length: 500 }, (_, i) => `user${i}`);
    for (const round of ['first', 'second', 'third']) {
      const met = await Promise.allSettled([
        ...many.map((id) => store.users.merge(id, { name: `${round} ${id}` })),
        ...many.toReversed().map((id) => other.users.merge(id, { name: `${round} ${id}` })),
      ]);
      expect(met.filter(({ status }) => status === 'rejected').length).toBe(0);
    }
    expect(await store.users.findMany(many)).toHaveLength(500);
  } finally {
    await other.close();
  }
});
