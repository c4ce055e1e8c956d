import { setTimeout as sleep } from 'node:timers/promises';
import { pairKeyOf } from '@confab/chat';
import { type DeliveredReceipt, STREAM_VERSION } from '@confab/contracts';
import { collectionsOf, connectMongo } from '@confab/mongo';
import { createKeys } from '@confab/redis';
import { RECEIPTS_GROUP } from '@confab/streams';
import { Redis } from 'ioredis';
import { ObjectId } from 'mongodb';
import { holdOnline } from '../clients/online-users.ts';
import { type Measurement, observe, totalCpu } from '../measure/measurement.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { starting } from '../run/cleanup.ts';
import { openPublisher } from '../run/gateway-side.ts';
import { startPeer } from '../run/peer-process.ts';
import { type Stores, startReceipts } from '../run/services.ts';

/** 1:1 conversations that receipts come from, in turn. */
const CONVERSATIONS = 200;
const PARTITIONS = 4;
/** Receipts appended in one call. */
const AT_ONCE = 500;
const DEADLINE_MS = 120_000;

interface WorkerSide {
  pid: number;
  signal(signal: NodeJS.Signals): void;
  append(from: number, count: number): Promise<void>;
  /** Streams and group whose backlog has to end. */
  streams: readonly string[];
  group: string;
  redis: Redis;
}

/** Lets receipts pile up while the worker is stopped, and lets it go. */
async function measure(side: WorkerSide, state: { next: number }, count: number): Promise<Measurement> {
  side.signal('SIGSTOP');
  try {
    for (let from = 0; from < count; from += AT_ONCE) await side.append(state.next + from, AT_ONCE);
  } catch (error) {
    side.signal('SIGCONT');
    throw error;
  }
  state.next += count;
  const run = await observe({ process: side.pid }, async () => {
    side.signal('SIGCONT');
    await untilDone(side);
  });
  return { ...run, lateMs: 0, value: count / totalCpu(run.cpu) };
}

/** Until nothing is unread and nothing unacknowledged. @throws Error after a while */
async function untilDone({ redis, streams, group }: WorkerSide): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (performance.now() < deadline) {
    const open = await Promise.all(streams.map((stream) => backlogOf(redis, stream, group)));
    if (open.every((entries) => entries === 0)) return;
    await sleep(20);
  }
  throw new Error(`receipts are left after ${DEADLINE_MS} ms`);
}

async function backlogOf(redis: Redis, stream: string, group: string): Promise<number> {
  const groups = (await redis.xinfo('GROUPS', stream)) as unknown[][];
  const fields = groups.find((flat) => flat.includes(group)) ?? [];
  const of = (name: string) => Number(fields[fields.indexOf(name) + 1]);
  return of('pending') + of('lag');
}

/** Conversations with more messages than there will be receipts. */
async function seedConversations({ mongodbUrl, database }: Stores): Promise<string[]> {
  const store = await connectMongo({ url: mongodbUrl, database });
  try {
    const now = new Date();
    const docs = Array.from({ length: CONVERSATIONS }, (_, i) => ({
      _id: new ObjectId(),
      participants: [`a${i}`, `b${i}`],
      isGroup: false,
      name: null,
      ownerId: null,
      pairKey: pairKeyOf([`a${i}`, `b${i}`]),
      seq: 1_000_000,
      changeSeq: 0,
      // All of it is filled: the hole filler has nothing to look for.
      denseSeq: 1_000_000,
      lastMessage: null,
      lastMessageAt: now,
      createdAt: now,
      updatedAt: now,
    }));
    await collectionsOf(store.db).conversations.insertMany(docs);
    return docs.map((doc) => doc._id.toHexString());
  } finally {
    await store.close();
  }
}

function receipt(index: number, conversations: readonly string[]): DeliveredReceipt {
  const at = index % CONVERSATIONS;
  const seq = Math.floor(index / CONVERSATIONS) + 1;
  const messageId = index.toString(16).padStart(24, '0');
  return {
    v: STREAM_VERSION,
    id: `r${index}`,
    at: Date.now(),
    traceId: 'bench',
    type: 'delivered',
    conversationId: conversations[at] as string,
    userIds: [`b${at}`],
    items: [{ messageId, seq, senderId: `a${at}` }],
  };
}

function openReceipts(environment: Environment): Promise<Sides> {
  return starting(async (cleanup) => {
    const stores: Stores = {
      redisUrl: environment.redis.url,
      keyPrefix: `bench-receipts-${process.pid}`,
      mongodbUrl: environment.mongo.url,
      database: `${environment.mongo.databases}receipts`,
    };
    const conversations = await seedConversations(stores);
    const senders = conversations.map((_, i) => `a${i}`);
    cleanup.own(await holdOnline(stores.redisUrl, stores.keyPrefix, senders), (held) => held.close());
    const bus = cleanup.own(await openPublisher(stores.redisUrl, stores.keyPrefix), (b) => b.close());
    const redis = cleanup.own(new Redis(stores.redisUrl, { enableAutoPipelining: true }), (r) => r.disconnect());
    const worker = cleanup.own(await startReceipts(stores), (service) => service.stop());
    const keys = createKeys(stores.keyPrefix);
    const stream = `bench-receipts-bare-${process.pid}`;
    const peer = cleanup.own(await startPeer('receipts-bare', { REDIS_URL: stores.redisUrl, STREAM: stream }), (p) =>
      p.stop(),
    );
    const batch = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => receipt(from + i, conversations));
    const subject: WorkerSide = {
      pid: worker.pid,
      signal: (signal) => worker.signal(signal),
      append: (from, count) => bus.receipts.append(batch(from, count)),
      streams: Array.from({ length: PARTITIONS }, (_, p) => keys.receipts(p)),
      group: RECEIPTS_GROUP,
      redis,
    };
    const bare: WorkerSide = {
      ...{ pid: peer.pid, streams: [stream], group: 'peer', redis },
      signal: (signal) => peer.signal(signal),
      append: async (from, count) => {
        await Promise.all(batch(from, count).map((event) => redis.xadd(stream, '*', 'e', JSON.stringify(event))));
      },
    };
    // The processor's time is counted in hundredths of a second, and the peer takes a third of one for 100,000.
    const count = environment.quick ? 40_000 : 160_000;
    const [ours, theirs] = [{ next: 0 }, { next: 0 }];
    return { subject: () => measure(subject, ours, count), peer: () => measure(bare, theirs, count) };
  });
}

export const receiptsRows: Row[] = [
  {
    id: 'receipts',
    group: 'receipts',
    title: 'receipts worker: receipts per core / XREADGROUP + parse + XACK alone',
    unit: 'receipts/CPU s',
    goal: 0.5,
    better: 'higher',
    usesStore: true,
    open: openReceipts,
  },
];
