import { STREAM_VERSION } from '@confab/contracts';
import { createMemoryBus, type MemoryBus } from '@confab/memory';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { createHealth, createLogger } from '@confab/service-kit';
import { eventually, testMongo } from '@confab/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ReceiptsWorker, startReceiptsWorker } from '../src/index.ts';

/* Many users who come and go at once, as when a gateway dies. */

let store: MongoStore;
let bus: MemoryBus;
let worker: ReceiptsWorker;

beforeEach(async () => {
  const mongo = await testMongo();
  store = await connectMongo({ url: mongo.url, database: mongo.dbName() });
  bus = createMemoryBus({ offlineGraceMs: 0 });
  const workerBus = bus.worker();
  const logger = createLogger({ name: 'test', level: 'silent' });
  worker = startReceiptsWorker({
    ...{ store, logger, health: createHealth() },
    bus: { ...workerBus, registry: workerBus.presence },
  });
});
afterEach(async () => {
  await worker.close();
  await store.db.dropDatabase();
  await store.close();
});

const connected = (userId: string, name = userId) => ({
  ...{ v: STREAM_VERSION, id: crypto.randomUUID(), at: Date.now(), traceId: 't' },
  ...{ type: 'presence' as const, userId, state: 'connected' as const, profile: { name } },
});
const named = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

test('users whom the worker meets for the first time do not hold up what comes after them', async () => {
  const ids = named('user', 600);
  const startedAt = performance.now();
  await bus.api.receipts.append(ids.map((id) => connected(id)));
  await eventually(async () => expect(await store.users.findMany(ids)).toHaveLength(600), 10_000);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('the last of the profiles that come in one batch is the one that stays', async () => {
  await bus.api.receipts.append([connected('alice', 'A'), connected('alice', 'B'), connected('alice', 'C')]);
  await eventually(async () => expect((await store.users.findMany(['alice']))[0]?.profile.name).toBe('C'));
});
