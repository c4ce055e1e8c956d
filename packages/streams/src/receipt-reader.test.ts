import type { ReceivedReceipt, WorkerBus } from '@confab/chat';
import { connectCommands } from '@confab/redis';
import { eventually, type TestRedis, testRedis } from '@confab/testkit';
import { deliveredReceipt, keptLog } from '@confab/testkit/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedisWorkerBus } from './redis-bus.ts';

let redis: TestRedis;
let settings: Parameters<typeof connectCommands>[0];
beforeAll(async () => {
  redis = await testRedis();
  settings = { url: redis.url, keyPrefix: redis.keyPrefix(), log: keptLog().log };
});
afterAll(() => redis.stop());

/** Acknowledges everything, and keeps how many came in each batch. */
function work(worker: WorkerBus): number[] {
  const sizes: number[] = [];
  void (async () => {
    for await (const batch of worker.consumer.batches()) {
      sizes.push(batch.length);
      await worker.consumer.acknowledge(batch);
    }
  })();
  return sizes;
}

const sum = (sizes: readonly number[]) => sizes.reduce((all, size) => all + size, 0);

async function readsOf(): Promise<number> {
  const admin = connectCommands(settings);
  await admin.ready(5_000);
  const info = await admin.run((client) => client.info('commandstats'));
  await admin.close();
  return Number(/cmdstat_xreadgroup:calls=(\d+)/.exec(info)?.[1] ?? 0);
}

test('what follows closely comes together, from all partitions in one read', async () => {
  const worker = await createRedisWorkerBus({ ...settings, consumerName: 'w' });
  try {
    const sizes = work(worker);
    await worker.receipts.append([deliveredReceipt()]);
    await eventually(() => expect(sizes).toEqual([1]));
    const readsBefore = await readsOf();
    for (let i = 0; i < 20; i++) await worker.receipts.append([deliveredReceipt()]);
    await eventually(() => expect(sum(sizes)).toBe(21));
    // One by one it would be twenty.
    expect(sizes.length).toBeLessThanOrEqual(10);
    expect((await readsOf()) - readsBefore).toBeLessThanOrEqual(10);
  } finally {
    await worker.close();
  }
});

const CROWD = Array.from({ length: 1_000 }, (_, i) => `${i}`.padStart(40, 'u'));
const sizeOf = (batch: readonly ReceivedReceipt[]) => JSON.stringify(batch).length;

test('of long receipts a batch has a few, for their first reader and for its heir', async () => {
  // Far above what a busy machine takes to read 50 MB, which nobody says here that it goes on with.
  const open = (consumerName: string) => createRedisWorkerBus({ ...settings, consumerName, claimIdleMs: 5_000 });
  const [dying, heir] = [await open('dying'), await open('heir')];
  try {
    for (let i = 0; i < 20; i++)
      await dying.receipts.append(Array.from({ length: 60 }, () => deliveredReceipt({ userIds: CROWD })));
    const read: number[] = [];
    // By their ids, so that one that comes twice fails the test and does not hang it.
    const ids = new Set<string>();
    let count = 0;
    const note = (batch: readonly ReceivedReceipt[]) => {
      for (const { partition, entryId } of batch) ids.add(`${partition} ${entryId}`);
    };
    for await (const batch of dying.consumer.batches()) {
      read.push(sizeOf(batch));
      count += batch.length;
      note(batch);
      if (ids.size === 1_200) break;
    }
    await dying.close();
    expect(count).toBe(1_200);
    // Of 50 MB.
    expect(Math.max(...read)).toBeLessThan(16_000_000);
    const claimed: ReceivedReceipt[][] = [];
    ids.clear();
    for await (const batch of heir.consumer.batches()) {
      claimed.push(batch);
      note(batch);
      await heir.consumer.acknowledge(batch);
      if (ids.size === 1_200) break;
    }
    expect(claimed.flat()).toHaveLength(1_200);
    expect(Math.max(...claimed.map(sizeOf))).toBeLessThan(16_000_000);
    expect(claimed.flat().every(({ deliveries }) => deliveries === 2)).toBe(true);
  } finally {
    await dying.close();
    await heir.close();
  }
}, 60_000);

test('what a worker is busy with comes neither to itself nor to another one, as long as it says that it goes on', async () => {
  // A busy machine may take a second for one turn of the loop below.
  const open = (consumerName: string) => createRedisWorkerBus({ ...settings, consumerName, claimIdleMs: 2_500 });
  const [busy, other] = [await open('busy'), await open('other')];
  try {
    const sent = deliveredReceipt();
    await busy.receipts.append([sent]);
    const batches = busy.consumer.batches()[Symbol.asyncIterator]();
    await batches.next();
    const [again, elsewhere] = [work(busy), work(other)];
    const until = performance.now() + 7_500;
    await eventually(
      async () => {
        await busy.consumer.keep?.();
        return performance.now() > until;
      },
      20_000,
      20,
    );
    expect({ again, elsewhere }).toEqual({ again: [], elsewhere: [] });
    // It hangs: another one takes it.
    await eventually(() => expect(elsewhere).toEqual([1]), 10_000);
    expect(again).toEqual([]);
  } finally {
    await busy.close();
    await other.close();
  }
}, 40_000);
