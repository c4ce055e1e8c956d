import type { WorkerBus } from '@confab/chat';
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
