import { randomUUID } from 'node:crypto';
import { type ChatContext, createPublishedMarks, type OutboundEvent, type Step } from '@confab/chat';
import { testMongo } from '@confab/testkit';
import { ObjectId } from 'mongodb';
import { connectMongo, type MongoStore } from '../src/index.ts';

/** The domain over the real store, with a bus that only takes notes and a step hook that tests can hold. */
export interface ChatFixture {
  ctx: ChatContext & { published: ReturnType<typeof createPublishedMarks> };
  store: MongoStore;
  events: { event: OutboundEvent; recipients: string[] }[];
  /** The next operation that reaches the step waits there until released. */
  hold(step: Step): { reached: Promise<void>; release(): void };
  clock: { now(): number; advance(ms: number): void };
  /** Makes publishing fail until set back. */
  bus: { down: boolean };
  close(): Promise<void>;
}

/**
 * The database once more, by a store that waits longer for an answer: what is large may take a busy machine more than the seconds in which a service has to
 * answer. The caller closes it.
 */
export async function patientStore({ db }: MongoStore): Promise<MongoStore> {
  const { url } = await testMongo();
  return connectMongo({ url, database: db.databaseName, timeoutMs: 40_000 });
}

export async function startChatFixture(): Promise<ChatFixture> {
  const mongo = await testMongo();
  const store = await connectMongo({ url: mongo.url, database: mongo.dbName() });
  const events: ChatFixture['events'] = [];
  const bus = { down: false };
  const held: { step: Step; reach: () => void; gate: Promise<void> }[] = [];
  let offset = 0;
  const clock = {
    now: () => Date.now() + offset,
    advance(ms: number) {
      offset += ms;
    },
  };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

  const ctx: ChatFixture['ctx'] = {
    store,
    publisher: {
      async publish(event, recipients) {
        if (bus.down) throw new Error('the bus is away');
        events.push({ event, recipients: [...recipients] });
        return { instances: 1 };
      },
    },
    feed: { append: async () => {} },
    receipts: { append: async () => {} },
    presence: { instancesOf: async () => new Map(), onlineAmong: async () => new Set() },
    limiter: { take: async () => ({ allowed: true, left: 29 }), giveBack: async () => {} },
    settings: { messagesPerMinute: 30, conversationsPerHour: 10, requireKnownUsers: false },
    clock,
    ids: { objectId: () => new ObjectId().toHexString(), token: () => randomUUID() },
    log,
    published: createPublishedMarks(store.messages, log),
    atStep: async (step) => {
      const index = held.findIndex((hold) => hold.step === step);
      if (index === -1) return;
      const [hold] = held.splice(index, 1);
      hold?.reach();
      await hold?.gate;
    },
  };
  return {
    ctx,
    store,
    events,
    clock,
    bus,
    hold(step) {
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      held.push({ step, reach: reached.resolve, gate: gate.promise });
      return { reached: reached.promise, release: gate.resolve };
    },
    async close() {
      await ctx.published.drain();
      await store.db.dropDatabase();
      await store.close();
    },
  };
}
