import { readFileSync } from 'node:fs';
import type { FeedEvent } from '@confab/contracts';
import { connectCommands, type RedisConnection } from '@confab/redis';
import { type TestRedis, testRedis } from '@confab/testkit';
import { deliveredReceipt, keptLog } from '@confab/testkit/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisEventFeed } from './event-feed.ts';
import { PACK_EVENTS, packEvents } from './event-packs.ts';
import { RedisReceiptLog } from './receipt-log.ts';
import { createRedisApiBus } from './redis-bus.ts';
import { ENTRY_BYTES, streamMemory } from './stream-memory.ts';

let redis: TestRedis;
let connection: RedisConnection;
beforeAll(async () => {
  redis = await testRedis();
  connection = connectCommands({ url: redis.url, keyPrefix: redis.keyPrefix(), log: keptLog().log });
  await connection.ready(5_000);
});
afterAll(async () => {
  await connection.close();
  await redis.stop();
});

const ENTRIES = 1_000;
const userId = () => `user-${crypto.randomUUID()}`;
const objectId = () => crypto.randomUUID().replaceAll('-', '').slice(0, 24);

async function bytesPerEntry(key: string, entries = ENTRIES): Promise<number> {
  const bytes = await connection.run((client) => client.memory('USAGE', key, 'SAMPLES', 0));
  return Number(bytes) / entries;
}

test('a receipt takes as much memory as planned with', async () => {
  const log = new RedisReceiptLog(connection, { partitions: 1 });
  const one = () => ({
    ...deliveredReceipt({ userIds: [userId()], traceId: crypto.randomUUID() }),
    items: [{ messageId: objectId(), seq: 12_345, senderId: userId() }],
  });
  await log.append(Array.from({ length: ENTRIES }, one));
  const bytes = await bytesPerEntry(connection.keys.receipts(0));
  expect(bytes).toBeLessThanOrEqual(ENTRY_BYTES.receipt);
  expect(bytes).toBeGreaterThan(ENTRY_BYTES.receipt * 0.8);
});

test('an event of the feed takes as much memory as planned with', async () => {
  const feed = new RedisEventFeed(connection, { partitions: 1 });
  const one = (): FeedEvent => ({
    ...{ v: 1, id: objectId(), at: Date.now(), traceId: crypto.randomUUID(), type: 'message.created' },
    conversationId: objectId(),
    data: {
      ...{ messageId: objectId(), senderId: userId(), seq: 12_345, messageType: 'text', participantCount: 20 },
      participants: Array.from({ length: 20 }, userId),
    },
  });
  await Promise.all(Array.from({ length: ENTRIES }, () => feed.append(one())));
  const bytes = await bytesPerEntry(connection.keys.events(0));
  expect(bytes).toBeLessThanOrEqual(ENTRY_BYTES.feed);
  expect(bytes).toBeGreaterThan(ENTRY_BYTES.feed * 0.8);
});

test('an inbox entry that is packed to the full takes as much memory as planned with', async () => {
  const to = userId();
  const meta = {
    ...{ v: 1, id: objectId(), at: Date.now(), traceId: crypto.randomUUID(), event: 'new:message' as const, to: [to] },
    ...{ conversationId: objectId(), messageId: objectId(), senderId: userId(), seq: 12_345 },
  };
  const event = { metaOf: () => meta, payloads: [JSON.stringify({ text: 'x'.repeat(470) })], recipients: [to] };
  const [fullest] = packEvents(Array.from({ length: PACK_EVENTS }, () => event));
  if (!fullest) throw new Error('nothing was packed');
  const key = connection.keys.inbox('measured');
  for (let i = 0; i < 200; i++) await connection.run((client) => client.xadd(key, '*', ...fullest));
  expect(await bytesPerEntry(key, 200)).toBeLessThanOrEqual(ENTRY_BYTES.inbox);
});

test('the lengths that a deployment sets bound the log and the feed', async () => {
  const settings = { url: redis.url, keyPrefix: redis.keyPrefix(), log: keptLog().log, partitions: 1 };
  const api = await createRedisApiBus({ ...settings, receiptsLength: 300, feedLength: 200 });
  try {
    await api.receipts.append(Array.from({ length: ENTRIES }, () => deliveredReceipt()));
    const event = { v: 1, id: objectId(), at: 1, traceId: 't', conversationId: objectId(), data: {} };
    await Promise.all(Array.from({ length: ENTRIES }, () => api.feed.append({ ...event, type: 'message.created' })));
    const keys = [`${settings.keyPrefix}:receipts:{r0}`, `${settings.keyPrefix}:events:{e0}`];
    const lengths = await connection.run((client) => Promise.all(keys.map((key) => client.xlen(key))));
    // About: whole nodes of up to 100 entries go.
    expect(lengths[0]).toBeGreaterThanOrEqual(300);
    expect(lengths[0]).toBeLessThan(400);
    expect(lengths[1]).toBeGreaterThanOrEqual(200);
    expect(lengths[1]).toBeLessThan(300);
  } finally {
    await api.close();
  }
});

/** The composition at the root, as far as it says how much Redis there is and for how many gateways. */
function composition(): { maxMemory: number; gateways: number } {
  const text = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');
  const megabytes = Number(/--maxmemory, (\d+)mb/.exec(text)?.[1]);
  return { maxMemory: megabytes * 1_048_576, gateways: [...text.matchAll(/^ {2}gateway-\d+:$/gm)].length };
}

test('the streams of the composition fit its Redis when each of them is full, with a seventh left for everything else', () => {
  const { maxMemory, gateways } = composition();
  expect(gateways).toBe(2);
  expect(streamMemory({ gateways })).toBeLessThan((maxMemory * 6) / 7);
});
