import type { WorkerBus } from '@confab/chat';
import { connectCommands, type RedisConnection } from '@confab/redis';
import { eventually, type TestRedis, testRedis } from '@confab/testkit';
import { deliveredReceipt, keptLog, receive } from '@confab/testkit/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { RECEIPTS_GROUP } from './receipt-consumer.ts';
import { createRedisWorkerBus } from './redis-bus.ts';

let redis: TestRedis;
let admin: RedisConnection;
let settings: Parameters<typeof connectCommands>[0] & { partitions: number };
let workers: WorkerBus[];
const { log } = keptLog();
beforeAll(async () => {
  redis = await testRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  settings = { url: redis.url, keyPrefix: redis.keyPrefix(), log, partitions: 1 };
  workers = [];
  admin = connectCommands(settings);
  await admin.ready(5_000);
});
afterEach(async () => {
  for (const worker of workers) await worker.close();
  await admin.close();
});

/** A worker that clears away all the time, so that a test sees what it leaves. */
async function openWorker(consumerName: string, forgetIdleMs = 600_000): Promise<WorkerBus> {
  const worker = await createRedisWorkerBus({ ...settings, consumerName, tidyEveryMs: 1, forgetIdleMs });
  workers.push(worker);
  return worker;
}

const key = () => admin.keys.receipts(0);
const length = () => admin.run((client) => client.xlen(key()));
const receipts = (count: number) => Array.from({ length: count }, () => deliveredReceipt());
const idsOf = async () =>
  (await admin.run((client) => client.xrange(key(), '-', '+'))).map(([, fields]) => JSON.parse(fields[1] ?? '').id);

async function consumerNames(): Promise<string[]> {
  const consumers = (await admin.run((client) => client.xinfo('CONSUMERS', key(), RECEIPTS_GROUP))) as string[][];
  return consumers.map((flat) => flat[flat.indexOf('name') + 1] ?? '').toSorted();
}

/** Reads on, and acknowledges everything. */
function work(worker: WorkerBus): void {
  void (async () => {
    for await (const batch of worker.consumer.batches()) await worker.consumer.acknowledge(batch);
  })();
}

test('acknowledged receipts leave memory; the backlog is right all the same, and new ones come', async () => {
  const worker = await openWorker('w1');
  await worker.receipts.append(receipts(2_000));
  expect(await length()).toBe(2_000);
  work(worker);
  // Whole nodes of about 100 entries go.
  await eventually(async () => expect(await length()).toBeLessThanOrEqual(200), 10_000);
  await worker.receipts.append(receipts(500));
  await eventually(async () => expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 }), 10_000);
  await eventually(async () => expect(await length()).toBeLessThanOrEqual(200), 10_000);
});

test('nothing goes that is pending or unread, also in another group', async () => {
  const worker = await openWorker('w1');
  const sent = receipts(3_000);
  await worker.receipts.append(sent);
  await admin.run((client) => client.xgroup('CREATE', key(), 'another', '0'));
  const later = sent.slice(1_200).map(({ id }) => id);
  // The other group is through with the first 1,000, and has 200 in its hands.
  const given = (await admin.run((client) =>
    client.xreadgroup('GROUP', 'another', 'x', 'COUNT', 1_200, 'STREAMS', key(), '>'),
  )) as [string, [string, string[]][]][];
  const read = (given[0]?.[1] ?? []).map(([id]) => id);
  await admin.run((client) => client.xack(key(), 'another', ...read.slice(0, 1_000)));
  work(worker);
  await eventually(async () => expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 }), 10_000);
  await eventually(async () => expect(await length()).toBeLessThan(2_200), 10_000);
  const left = await idsOf();
  expect(left).toEqual(expect.arrayContaining(later));
  expect(left.length).toBeGreaterThanOrEqual(2_000);
});

test('consumers that are gone leave the group, and those with entries in their hands stay', async () => {
  const [rolled, dying] = [await openWorker('rolled-away'), await openWorker('dying')];
  await rolled.receipts.append(receipts(5));
  await receive(rolled, 5, (batch) => rolled.consumer.acknowledge(batch));
  await rolled.consumer.close();
  await dying.receipts.append(receipts(3));
  await receive(dying, 3, async () => {});
  await dying.consumer.close();
  expect(await consumerNames()).toEqual(['dying', 'rolled-away']);
  const heir = await openWorker('heir', 1_500);
  work(heir);
  await eventually(async () => expect(await consumerNames()).not.toContain('rolled-away'), 10_000);
  expect(await consumerNames()).toContain('dying');
  expect(await heir.consumer.backlog()).toEqual({ pending: 3, unread: 0 });
});

test('a worker that waits in a quiet log, and whose consumer was removed, gets what comes then', async () => {
  const worker = await openWorker('quiet', 1);
  work(worker);
  await eventually(async () => expect(await consumerNames()).toEqual([]), 10_000);
  await worker.receipts.append(receipts(50));
  await eventually(async () => expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 }), 5_000);
});
