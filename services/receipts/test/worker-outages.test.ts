import { ChatError, type ReceiptEvent, STREAM_VERSION } from '@confab/contracts';
import { createMemoryBus, type MemoryBus } from '@confab/memory';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { createHealth, createLogger, type Health } from '@confab/service-kit';
import { eventually, testMongo } from '@confab/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ReceiptsWorker, startReceiptsWorker } from '../src/index.ts';

/* The worker over the real store and the bus of one process; stores and publishers fail at chosen moments. */

let store: MongoStore;
let bus: MemoryBus;
let worker: ReceiptsWorker | undefined;
let health: Health;
let inbox: ReturnType<ReturnType<MemoryBus['gateway']>['openInbox']>;
let gateway: ReturnType<MemoryBus['gateway']>;
const told: { event: string; payload: Record<string, unknown> }[] = [];

beforeEach(async () => {
  const mongo = await testMongo();
  store = await connectMongo({ url: mongo.url, database: mongo.dbName() });
  bus = createMemoryBus({ offlineGraceMs: 0 });
  gateway = bus.gateway({ gatewayId: 'gw', leaseMs: 120_000 });
  told.length = 0;
  inbox = gateway.openInbox();
  void (async () => {
    for await (const { entries } of inbox)
      for (const { meta, payload } of entries) told.push({ event: meta.event, payload: JSON.parse(payload) });
  })();
});
afterEach(async () => {
  await worker?.close();
  await gateway.close();
  await store.db.dropDatabase();
  await store.close();
});

const logger = createLogger({ name: 'test', level: 'silent' });
type Publish = MemoryBus['api']['publisher']['publish'];
const away = () => new ChatError('UNAVAILABLE', { retryAfter: 1 });

const publish: Publish = (event, recipients) => bus.api.publisher.publish(event, recipients);

/** Fails the first `times` calls. */
function failing<A extends unknown[], R>(times: number, call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  let left = times;
  return async (...args) => {
    if (left-- > 0) throw away();
    return call(...args);
  };
}

type Overrides = Pick<Parameters<typeof startReceiptsWorker>[0], 'onStuck' | 'patience'>;

function startWorker(overrides: Overrides & { store?: Partial<MongoStore>; publish?: Publish }) {
  const { onStuck, patience } = overrides;
  health = createHealth();
  const workerBus = bus.worker();
  const publisher = overrides.publish ? { publish: overrides.publish } : workerBus.publisher;
  worker = startReceiptsWorker({
    store: { ...store, ...overrides.store },
    bus: { ...workerBus, publisher, registry: workerBus.presence },
    logger,
    health,
    ...(onStuck && { onStuck }),
    ...(patience && { patience }),
  });
}

async function conversation(): Promise<string> {
  const { conversation } = await store.conversations.createDirect(['alice', 'bob'], new Date());
  return conversation.id;
}

const envelope = () => ({ v: STREAM_VERSION, id: crypto.randomUUID(), at: Date.now(), traceId: 't' });
const payloadsOf = (event: string) => told.filter((t) => t.event === event).map((t) => t.payload);

async function sent(conversationId: string) {
  const seq = (await store.conversations.takeSeq(conversationId, 'alice', preview()))?.seq ?? 0;
  const id = preview().messageId;
  const now = new Date();
  await store.messages.insert({
    ...{ id, conversationId, seq, changeSeq: 0, senderId: 'alice', clientMessageId: null, text: 'hi', media: [] },
    ...{ messageType: 'text', replyTo: null, deletedAt: null, deletedFor: [], createdAt: now, updatedAt: now },
  });
  await store.messages.clearUnpublished([id]);
  return { messageId: id, seq, senderId: 'alice' };
}
const preview = () => ({
  ...{ messageId: 'a'.repeat(24), senderId: 'alice', text: 'hi', messageType: 'text' as const },
  ...{ createdAt: new Date(), deletedAt: null },
});

test('a receipt whose telling failed because the store went away is told once the store is back', async () => {
  const conversationId = await conversation();
  const item = await sent(conversationId);
  await gateway.lease.register('alice');
  startWorker({ store: { messages: { ...store.messages, authors: failing(1, store.messages.authors) } } });
  const read: ReceiptEvent = {
    ...envelope(),
    type: 'read',
    conversationId,
    userId: 'bob',
    messageIds: [item.messageId],
  };
  await bus.api.receipts.append([read]);
  await eventually(() => expect(payloadsOf('messages:read')).toMatchObject([{ messageIds: [item.messageId] }]), 5_000);
});

test('who came online while the store was away is told of once it is back', async () => {
  await conversation();
  await gateway.lease.register('alice');
  await gateway.lease.register('bob');
  const contactsOf = failing(1, store.conversations.contactsOf);
  startWorker({ store: { conversations: { ...store.conversations, contactsOf } } });
  await bus.api.receipts.append([{ ...envelope(), type: 'presence', userId: 'bob', state: 'connected' }]);
  await eventually(() => expect(payloadsOf('user:online')).toContainEqual({ userId: 'bob' }), 5_000);
});

test('who came online while the bus took nothing is told of later', async () => {
  await conversation();
  await gateway.lease.register('alice');
  await gateway.lease.register('bob');
  startWorker({ publish: failing(1, publish) });
  await bus.api.receipts.append([{ ...envelope(), type: 'presence', userId: 'bob', state: 'connected' }]);
  await eventually(() => expect(payloadsOf('user:online')).toContainEqual({ userId: 'bob' }), 5_000);
});

test.each(['setLastSeen', 'contactsOf', 'publish'] as const)(
  'a worker whose %s failed after it claimed an absence does not leave a ghost online',
  async (step) => {
    await conversation();
    await gateway.lease.register('alice');
    await gateway.lease.register('bob');
    await bus.presence.claimOnline('bob');
    const { users, conversations } = store;
    startWorker({
      store: {
        users: { ...users, ...(step === 'setLastSeen' && { setLastSeen: failing(1, users.setLastSeen) }) },
        conversations: {
          ...conversations,
          ...(step === 'contactsOf' && { contactsOf: failing(1, conversations.contactsOf) }),
        },
      },
      ...(step === 'publish' && { publish: failing(1, publish) }),
    });
    await gateway.lease.unregister('bob');
    await bus.presence.scheduleOfflineCheck('bob', Date.now());
    await eventually(() => expect(payloadsOf('user:offline')).toMatchObject([{ userId: 'bob' }]), 15_000);
    const [bob] = await users.findMany(['bob']);
    expect(bob?.lastSeen).toBeGreaterThan(0);
  },
);

test('a batch that hangs makes the worker not ready, then stuck; and ready again once it goes on', async () => {
  await conversation();
  await gateway.lease.register('alice');
  await gateway.lease.register('bob');
  const hang = Promise.withResolvers<void>();
  const stuck: number[] = [];
  startWorker({
    publish: async (event, recipients) => {
      await hang.promise;
      return publish(event, recipients);
    },
    patience: { notReadyMs: 1_000, stuckMs: 2_000 },
    onStuck: (ms) => stuck.push(ms),
  });
  try {
    await eventually(async () => expect((await health.ready()).ok).toBe(true));
    await bus.api.receipts.append([{ ...envelope(), type: 'presence', userId: 'bob', state: 'connected' }]);
    await eventually(async () => expect((await health.ready()).checks['batch of receipts']?.ok).toBe(false), 5_000);
    expect((await health.ready()).ok).toBe(false);
    expect(stuck).toEqual([]);
    await eventually(() => expect(stuck).toHaveLength(1), 5_000);
    expect(stuck[0]).toBeGreaterThanOrEqual(2_000);
  } finally {
    hang.resolve();
  }
  await eventually(async () => expect(await health.ready()).toMatchObject({ ok: true }), 5_000);
  expect(payloadsOf('user:online')).toContainEqual({ userId: 'bob' });
  expect(stuck).toHaveLength(1);
});

test('a store that is away is an outage and no hang: the worker is not given up', async () => {
  await conversation();
  await gateway.lease.register('alice');
  await gateway.lease.register('bob');
  const stuck: number[] = [];
  const awayUntil = Date.now() + 3_000;
  startWorker({
    publish: async (event, recipients) => {
      if (Date.now() < awayUntil) throw away();
      return publish(event, recipients);
    },
    patience: { stuckMs: 1_000 },
    onStuck: (ms) => stuck.push(ms),
  });
  await bus.api.receipts.append([{ ...envelope(), type: 'presence', userId: 'bob', state: 'connected' }]);
  await eventually(() => expect(payloadsOf('user:online')).toContainEqual({ userId: 'bob' }), 10_000);
  expect(Date.now()).toBeGreaterThanOrEqual(awayUntil);
  expect(stuck).toEqual([]);
});
