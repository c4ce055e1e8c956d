import { randomUUID } from 'node:crypto';
import { type ChatContext, listConversations, listMessages, storeWithMemory, sync, unreadCount } from '@confab/chat';
import { collectionsOf, connectMongo, type MongoStore } from '@confab/mongo';
import type { Collection, Document } from 'mongodb';
import { type Measurement, observe } from '../measure/measurement.ts';
import { percentile } from '../measure/statistics.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { starting } from '../run/cleanup.ts';
import { openPublisher } from '../run/gateway-side.ts';
import { silent } from '../run/silent-log.ts';
import { type Seeded, type SeedPlan, seedStore } from './seed-store.ts';

const FULL: SeedPlan = { messages: 1_000_000, conversations: 500 };
const QUICK: SeedPlan = { messages: 20_000, conversations: 100 };
const PAGE = 50;

/** An operation as the api does it, and how many documents of which collection it has to read. */
interface Operation {
  /** Runs of one measurement. Source: at least two seconds of the embedded store, so that both sides are warm and the 99th percentile is not the slowest one. */
  times: number;
  run(ctx: ChatContext, seeded: Seeded, turn: number): Promise<unknown>;
  /** Conversations in which something changes before each run: without that an api would answer from memory alone. */
  changes?: number;
  reads(seeded: Seeded): Partial<Record<'conversations' | 'memberships' | 'messages', number>>;
}

/** Source: one in a hundred of a user's conversations, since they last looked. */
const CHANGES = 5;

const at = ({ conversations }: Seeded, turn: number) => conversations[(turn * 7) % conversations.length];

const operations = {
  history: {
    times: 1_000,
    run: (ctx, seeded, turn) =>
      listMessages(ctx, {
        userId: seeded.userId,
        conversationId: at(seeded, turn)?.id ?? '',
        limit: PAGE,
        traceId: 'bench',
      }),
    reads: () => ({ conversations: 1, memberships: 2, messages: PAGE }),
  },
  unread: {
    times: 120,
    changes: CHANGES,
    run: (ctx, seeded) => unreadCount(ctx, seeded.userId),
    reads: ({ conversations: { length } }) => ({ conversations: length, memberships: length }),
  },
  list: {
    times: 120,
    changes: CHANGES,
    run: (ctx, seeded) => listConversations(ctx, seeded.userId, {}),
    reads: ({ conversations: { length } }) => ({ conversations: length, memberships: 2 * length }),
  },
  sync: {
    times: 120,
    // A client that has everything but the last messages of one conversation.
    run: (ctx, seeded, turn) => {
      const behind = at(seeded, turn)?.id;
      const marks = (seq: number) => 4 * seq - 3;
      const cursors = Object.fromEntries(
        seeded.conversations.map(({ id, seq, changeSeq }) => [
          id,
          `${id === behind ? seq - PAGE : seq}.${changeSeq}.${marks(seq)}`,
        ]),
      );
      return sync(ctx, { userId: seeded.userId, body: { cursors }, traceId: 'bench' });
    },
    reads: ({ conversations: { length } }) => ({ conversations: length, memberships: 2 * length, messages: PAGE }),
  },
} satisfies Record<string, Operation>;

/**
 * What either side does before anything counts, in measurements. Source: the mean of a page is 2.5, 2.1, 1.8, 1.5 and 1.3 ms in the first five thousand, while
 * it is being compiled, and stays there; an api runs for days.
 */
const WARM_UP = 5;

/** @param before is done before each run, and not timed */
async function timed(
  times: number,
  operation: (turn: number) => Promise<unknown>,
  before?: (turn: number) => Promise<unknown>,
): Promise<Measurement> {
  const run = await observe({}, async () => {
    const elapsed: number[] = [];
    for (let turn = 0; turn < times; turn++) {
      await before?.(turn);
      const startedAt = performance.now();
      await operation(turn);
      elapsed.push(performance.now() - startedAt);
    }
    return percentile(elapsed, 0.99);
  });
  return { ...run, lateMs: 0, value: run.result };
}

function openOperation(environment: Environment, name: keyof typeof operations): Promise<Sides> {
  return starting(async (cleanup) => {
    const { quick, mongo, redis } = environment;
    if (!environment.seeded) throw new Error('rows of the store are measured on what was seeded');
    const { database } = environment.seeded;
    const store = cleanup.own(await connectMongo({ url: mongo.url, database }), (s) => s.close());
    const seeded = await asOfNow(store, environment.seeded);
    const bus = cleanup.own(await openPublisher(redis.url, `bench-store-${process.pid}`), (b) => b.close());
    const clock = { now: () => Date.now() };
    const ctx: ChatContext = {
      ...bus,
      store: storeWithMemory(store, clock),
      ...{ log: { ...silent, debug: () => {} }, clock },
      // What is read here counts as delivered already, so that reading writes nothing.
      settings: { messagesPerMinute: 30, conversationsPerHour: 10, requireKnownUsers: false },
      ids: { token: () => randomUUID(), objectId: () => '0'.repeat(24) },
    };
    const operation: Operation = operations[name];
    const same = await sameBytes(store, operation.reads(seeded), name);
    const times = quick ? Math.ceil(operation.times / 6) : operation.times;
    const change = (turn: number) => changeSome(store, seeded, operation.changes ?? 0, turn);
    const subject = () => timed(times, (turn) => operation.run(ctx, seeded, turn), change);
    const peer = () => timed(times, () => same.find({ owner: 'heavy' }).toArray(), change);
    for (let round = 0; round < WARM_UP; round++) for (const side of [subject, peer]) await side();
    return { subject, peer };
  });
}

/** A change in some conversations, other ones each time: their counters move as by a deletion. */
async function changeSome(store: MongoStore, seeded: Seeded, count: number, turn: number): Promise<void> {
  const from = turn * count;
  const chosen = Array.from({ length: count }, (_, i) => at(seeded, from + i)?.id ?? '');
  await Promise.all(chosen.map((id) => store.conversations.takeChangeSeq(id)));
}

/** As seeded, but for what rows before this one changed. */
async function asOfNow(store: MongoStore, seeded: Seeded): Promise<Seeded> {
  const { userId, conversations } = seeded;
  const heads = await store.conversations.headsFor(
    userId,
    conversations.map(({ id }) => id),
  );
  const changeSeqs = new Map(heads.map(({ id, changeSeq }) => [id, changeSeq]));
  return { ...seeded, conversations: conversations.map((c) => ({ ...c, changeSeq: changeSeqs.get(c.id) ?? 0 })) };
}

/** A database for all of these rows, named by the process that makes it: one that dies in between leaves nothing that counts. */
async function seed({ mongo, quick, log }: Environment): Promise<Seeded> {
  const plan = quick ? QUICK : FULL;
  const store = await connectMongo({ url: mongo.url, database: `${mongo.databases}store_${process.pid}` });
  try {
    const startedAt = performance.now();
    const seeded = await seedStore(store, plan);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    log(`  seeded ${plan.messages} messages in ${plan.conversations} conversations in ${seconds} s`);
    return seeded;
  } finally {
    await store.close();
  }
}

/** A collection whose documents of one owner, found over an index, are as many and as large as those that the operation reads. */
async function sameBytes(store: MongoStore, reads: ReturnType<Operation['reads']>, name: string): Promise<Collection> {
  const collections = collectionsOf(store.db);
  const docs: Document[] = [];
  for (const [collection, count] of Object.entries(reads)) {
    const sample = (await (
      collections[collection as keyof typeof reads] as unknown as Collection
    ).findOne()) as Document;
    const { _id, ...fields } = sample;
    docs.push(...Array.from({ length: count }, () => ({ owner: 'heavy', ...fields })));
  }
  const same = store.db.collection(`same_bytes_${name}`);
  await same.drop().catch(() => false);
  await same.createIndex({ owner: 1 });
  for (let from = 0; from < docs.length; from += 500) await same.insertMany(docs.slice(from, from + 500));
  return same;
}

const rowOf = (name: keyof typeof operations, title: string): Row => ({
  id: `store-${name}`,
  group: 'store',
  title: `${title} at 1,000,000 messages, 500 conversations per user: p99 / p99 of one indexed find of the same bytes`,
  unit: 'ms',
  goal: 1.5,
  better: 'lower',
  usesStore: true,
  plays: 'api',
  seed,
  open: (environment) => openOperation(environment, name),
});

export const storeRows: Row[] = [
  rowOf('history', 'history page'),
  rowOf('unread', 'unread count'),
  rowOf('list', 'conversation list'),
  rowOf('sync', 'sync'),
];
