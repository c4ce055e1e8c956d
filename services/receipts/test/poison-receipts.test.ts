import { type ReadReceipt, STREAM_VERSION } from '@confab/contracts';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { createHealth, createLogger } from '@confab/service-kit';
import { createRedisWorkerBus } from '@confab/streams';
import { eventually, type TestRedis, testMongo, testRedis } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startReceiptsWorker } from '../src/index.ts';
import { FAILURES_IN_ROW, MAX_DELIVERIES } from '../src/receipt-processor.ts';

/* Receipts that can be read and cannot be applied, over the real stores. */

let redis: TestRedis;
let store: MongoStore;
beforeAll(async () => {
  redis = await testRedis();
  const mongo = await testMongo();
  store = await connectMongo({ url: mongo.url, database: mongo.dbName() });
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
  await redis.stop();
});

const logger = createLogger({ name: 'test', level: 'silent' });
const openBus = () =>
  createRedisWorkerBus({
    ...{ url: redis.url, keyPrefix: redis.keyPrefix(), log: logger },
    ...{ consumerName: 'worker-1', claimIdleMs: 100 },
  });

/** A group in which alice has written `count` messages, for as many readers. */
async function conversationOf(count: number): Promise<string> {
  const participants = ['alice', ...Array.from({ length: count }, (_, i) => readerOf(i + 1))];
  const conversation = await store.conversations.createGroup({
    ...{ participants, name: null, ownerId: 'alice', now: new Date() },
  });
  for (let seq = 1; seq <= count; seq++) {
    const [id, now] = [`${conversation.id.slice(8)}${seq.toString(16).padStart(8, '0')}`, new Date()];
    const about = { senderId: 'alice', text: 'hi', messageType: 'text' as const, createdAt: now, deletedAt: null };
    await store.conversations.takeSeq(conversation.id, 'alice', { messageId: id, ...about });
    await store.messages.insert({
      ...{ id, conversationId: conversation.id, seq, changeSeq: 0, clientMessageId: null, media: [] },
      ...{ ...about, replyTo: null, deletedFor: [], updatedAt: now },
    });
    await store.messages.clearUnpublished([id]);
  }
  return conversation.id;
}

const readerOf = (seq: number) => `reader-${seq}`;

/** Each by a reader of their own: what one reader says in a batch is applied as one. */
const readUpTo = (conversationId: string, toSeq: number): ReadReceipt => ({
  ...{ v: STREAM_VERSION, id: crypto.randomUUID(), at: Date.now(), traceId: 't' },
  ...{ type: 'read', conversationId, userId: readerOf(toSeq), fromSeq: toSeq - 1, toSeq },
});

type Bus = Awaited<ReturnType<typeof openBus>>;

/** @param onTold hears of each `messages:read` up to which seq it goes */
const workerOn = (bus: Bus, raise: typeof store.memberships.raise, onTold: (readSeq: number) => void, log = logger) =>
  startReceiptsWorker({
    store: { ...store, memberships: { ...store.memberships, raise } },
    bus: {
      ...bus,
      registry: bus.presence,
      publisher: {
        publish: async (event) => {
          if (event.event === 'messages:read') onTold((JSON.parse(event.payload) as { readSeq: number }).readSeq);
          return { instances: 0 };
        },
      },
    },
    logger: log,
    health: createHealth(),
  });

test('a receipt that fails for itself is set aside after five deliveries, with its reason; the others go on in order', async () => {
  const [conversationId, bus] = [await conversationOf(5), await openBus()];
  const told: number[] = [];
  let tries = 0;
  const raise: typeof store.memberships.raise = async (moves) => {
    if (!moves.some(({ readSeq }) => readSeq === 3)) return store.memberships.raise(moves);
    tries++;
    throw new RangeError('the third is poison');
  };
  const worker = workerOn(bus, raise, (readSeq) => told.push(readSeq));
  try {
    const receipts = [1, 2, 3, 4, 5].map((seq) => readUpTo(conversationId, seq));
    await bus.receipts.append(receipts);
    await eventually(() => expect([...new Set(told)]).toEqual([1, 2, 4, 5]), 5_000);
    expect(await bus.deadLetters.count()).toBe(0);
    await eventually(async () => expect(await bus.deadLetters.count()).toBe(1), 15_000);
    // At first with all, with a half, and alone; then it comes alone.
    expect(tries).toBe(3 + (MAX_DELIVERIES - 1));
    const [letter] = await bus.deadLetters.list();
    expect(letter).toMatchObject({ reason: 'RangeError: the third is poison' });
    expect(JSON.parse(letter?.fields.e ?? '')).toEqual(receipts[2]);
    expect(await bus.consumer.backlog()).toEqual({ pending: 0, unread: 0 });
    expect([...new Set(told)]).toEqual([1, 2, 4, 5]);
  } finally {
    await worker.close();
    await bus.close();
  }
}, 30_000);

test('one that fails among many is found by halves', async () => {
  const [conversationId, bus] = [await conversationOf(64), await openBus()];
  const told = new Set<number>();
  let tries = 0;
  let triesUntilAllOthers = 0;
  const raise: typeof store.memberships.raise = async (moves) => {
    tries++;
    if (moves.some(({ readSeq }) => readSeq === 41)) throw new RangeError('it is poison');
    return store.memberships.raise(moves);
  };
  await bus.receipts.append(Array.from({ length: 64 }, (_, i) => readUpTo(conversationId, i + 1)));
  const worker = workerOn(bus, raise, (readSeq) => {
    if (told.add(readSeq).size === 63) triesUntilAllOthers ||= tries;
  });
  try {
    await eventually(() => expect(triesUntilAllOthers).toBeGreaterThan(0), 10_000);
    expect(triesUntilAllOthers).toBeLessThanOrEqual(13);
  } finally {
    await worker.close();
    await bus.close();
  }
}, 30_000);

test('what every receipt fails of is tried and told a few times for a batch, and nothing is lost', async () => {
  const [conversationId, bus] = [await conversationOf(200), await openBus()];
  const told = new Set<number>();
  let tries = 0;
  let broken = true;
  const raise: typeof store.memberships.raise = async (moves) => {
    tries++;
    if (broken) throw new TypeError('no such operator');
    return store.memberships.raise(moves);
  };
  const { log, triedAt } = logUntilGivenUp(() => tries);
  await bus.receipts.append(Array.from({ length: 200 }, (_, i) => readUpTo(conversationId, i + 1)));
  const worker = workerOn(bus, raise, (readSeq) => told.add(readSeq), log);
  try {
    await eventually(() => expect(triedAt).toHaveLength(1), 10_000);
    broken = false;
    expect(triedAt[0]).toBe(FAILURES_IN_ROW);
    await eventually(() => expect(told.size).toBe(200), 20_000);
    expect(await bus.deadLetters.count()).toBe(0);
  } finally {
    await worker.close();
    await bus.close();
  }
}, 40_000);

/** @returns what had been tried when the log first said that a batch was given up */
function logUntilGivenUp(tries: () => number) {
  const triedAt: number[] = [];
  const write = (line: string) => {
    if (triedAt.length === 0 && line.includes('"givenUp":true')) triedAt.push(tries());
  };
  return { log: createLogger({ name: 'test', destination: { write } }), triedAt };
}
