import { eventually, testRedis } from '@confab/testkit';
import { keptLog } from '@confab/testkit/contracts';
import { expect, onTestFinished, test } from 'vitest';
import { connectCommands } from './connection.ts';
import { RedisUseCounters } from './use-counters.ts';

async function open() {
  const server = await testRedis();
  const keyPrefix = server.keyPrefix();
  const connect = async () => {
    const connection = connectCommands({ url: server.url, keyPrefix, log: keptLog().log });
    onTestFinished(() => connection.close());
    await connection.ready(5_000);
    return new RedisUseCounters(connection);
  };
  const counters = [await connect(), await connect()] as const;
  onTestFinished(() => server.stop());
  return counters;
}

test('adds up what all processes add, each counter for itself', async () => {
  const [one, two] = await open();
  expect(
    (
      await one.add(
        [
          { key: 'a', count: 2 },
          { key: '{b}', count: 1 },
        ],
        60_000,
      )
    ).map((use) => use.count),
  ).toEqual([2, 1]);
  const [a, b] = await two.add(
    [
      { key: 'a', count: 3 },
      { key: '{b}', count: 1 },
    ],
    60_000,
  );
  expect([a?.count, b?.count]).toEqual([5, 2]);
  expect(a?.leftMs).toBeGreaterThan(50_000);
  expect(a?.leftMs).toBeLessThanOrEqual(60_000);
});

test('begins anew when the time from the first use is over, however often it was used meanwhile', async () => {
  const [one] = await open();
  const startedAt = performance.now();
  await one.add([{ key: 'a', count: 5 }], 300);
  await eventually(async () => expect((await one.add([{ key: 'a', count: 1 }], 300))[0]?.count).toBe(1), 3_000);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
});
