import type { ReceivedReceipt, WorkerBus } from '@confab/chat';
import { eventually, type TestRedisServer } from '@confab/testkit';
import { collectInbox, deliveredReceipt, outboundEvent, receive } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { callsOf, cleanups, openHeldUser, openRig } from '../test/bus-rig.ts';
import type { RedisSignalPublisher } from './signals.ts';

/** Acknowledges everything that comes, and keeps the ids of what came. */
function acknowledgeAll(worker: WorkerBus): { ids: string[]; entries: ReceivedReceipt[] } {
  const seen: { ids: string[]; entries: ReceivedReceipt[] } = { ids: [], entries: [] };
  const loop = async () => {
    for await (const batch of worker.consumer.batches()) {
      try {
        await worker.consumer.acknowledge(batch);
        seen.entries.push(...batch);
        seen.ids.push(...batch.flatMap((entry) => entry.event?.id ?? []));
      } catch {
        // Redis is away: what was not acknowledged comes again.
      }
    }
  };
  cleanups.push(async () => worker.consumer.close());
  void loop();
  return seen;
}

/** Ids of what was sent and not seen. */
function missingFrom(seen: string[], sent: { id: string }[]): string[] {
  const known = new Set(seen);
  return sent.map((event) => event.id).filter((id) => !known.has(id));
}

test('nothing is logged while nothing is wrong, not at the start nor when the instance changes', async () => {
  const { lines, api: openApi, gateway: openGateway, worker: openWorker } = await openRig();
  const [api, gateway, worker] = [await openApi(), await openGateway(), await openWorker()];
  const seen = acknowledgeAll(worker);
  const inbox = collectInbox(gateway.openInbox());
  await gateway.lease.reincarnate(['u']);
  await api.publisher.publish(outboundEvent(1), ['u']);
  await worker.receipts.append([deliveredReceipt()]);
  await eventually(() => expect(seen.ids).toHaveLength(1));
  await eventually(() => expect(inbox.entries()).toHaveLength(1));
  expect(lines).toEqual([]);
});

test('after FLUSHALL the consumer groups are back within 5 s, without a hot loop and without a flood of log lines', async () => {
  const { admin, worker: openWorker, lines } = await openRig();
  const worker = await openWorker();
  const seen = acknowledgeAll(worker);
  await worker.receipts.append([deliveredReceipt(), deliveredReceipt()]);
  await eventually(() => expect(seen.ids).toHaveLength(2));
  const [callsBefore, linesBefore] = [await callsOf(admin, 'xreadgroup'), lines.length];
  const wipedAt = performance.now();
  await admin.run((client) => client.flushall());
  const after = [deliveredReceipt(), deliveredReceipt(), deliveredReceipt()];
  await worker.receipts.append(after);
  await eventually(() => expect(missingFrom(seen.ids, after)).toEqual([]), 5_000);
  const seconds = (performance.now() - wipedAt) / 1_000;
  expect(seconds).toBeLessThan(5);
  expect((await callsOf(admin, 'xreadgroup')) - callsBefore).toBeLessThan(40);
  expect(lines.length - linesBefore).toBeLessThanOrEqual(10 * Math.ceil(seconds));
});

test('ten wipes in a row under load: every receipt appended after the last one comes', async () => {
  const { admin, worker: openWorker } = await openRig();
  const worker = await openWorker();
  const seen = acknowledgeAll(worker);
  for (let wipe = 0; wipe < 10; wipe++) {
    await worker.receipts.append([deliveredReceipt(), deliveredReceipt()]);
    await admin.run((client) => client.flushall());
  }
  const last = Array.from({ length: 50 }, () => deliveredReceipt());
  await worker.receipts.append(last);
  await eventually(() => expect(missingFrom(seen.ids, last)).toEqual([]), 5_000);
});

test('readers go on where they were after kill -9 and restart of a Redis that persists', async () => {
  const { server, api: openApi, gateway: openGateway, worker: openWorker } = await openRig({ persistence: true });
  const [api, gateway, worker] = [await openApi(), await openGateway(), await openWorker()];
  const user = await openHeldUser(gateway);
  const inbox = collectInbox(gateway.openInbox());
  const seen = acknowledgeAll(worker);
  const early = deliveredReceipt();
  await api.publisher.publish(outboundEvent(1), [user]);
  await api.receipts.append([early]);
  await eventually(() => expect(inbox.entries()).toHaveLength(1));
  await eventually(() => expect(seen.ids).toEqual([early.id]));
  await server.kill();
  await server.restart();
  const late = deliveredReceipt();
  await eventually(
    () => api.publisher.publish(outboundEvent(2), [user]).then(({ instances }) => instances === 1),
    5_000,
  );
  await eventually(() => worker.receipts.append([late]), 5_000);
  await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual([1, 2]), 5_000);
  await eventually(() => expect(seen.ids).toEqual([early.id, late.id]), 5_000);
  expect(inbox.batches.some((batch) => batch.gap)).toBe(false);
});

test('signals come again after the connections were cut', async () => {
  const { admin, gateway: openGateway } = await openRig();
  const gateway = await openGateway();
  const user = await openHeldUser(gateway);
  const heard: unknown[] = [];
  await gateway.onSignal((signal) => void heard.push(signal));
  const signal = { event: 'typing:start', conversationId: '0'.repeat(24), userId: user } as const;
  const arrives = async () => {
    const before = heard.length;
    await gateway.signals.signal(signal, [user]);
    await eventually(() => expect(heard.length).toBeGreaterThan(before), 300);
  };
  await eventually(arrives);
  for (const type of ['normal', 'pubsub']) {
    await admin.run((client) => client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
  }
  await eventually(arrives, 5_000);
});

test('a Redis that comes back empty: the lease finds out, and the next incarnation receives', async () => {
  const { server, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const inbox = collectInbox(gateway.openInbox());
  await server.kill();
  await server.restart();
  await eventually(async () => expect(await gateway.lease.renew()).toBe(false), 5_000);
  await gateway.lease.reincarnate([user]);
  await eventually(
    () => api.publisher.publish(outboundEvent(1), [user]).then(({ instances }) => instances === 1),
    5_000,
  );
  await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual([1]), 5_000);
});

test('publishing while Redis stalls settles within the time-out, and the readers go on afterwards', async () => {
  const { admin, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const reader = gateway.openInbox();
  const inbox = collectInbox(reader);
  await admin.run((client) => client.call('CLIENT', 'PAUSE', '4000', 'ALL'));
  const startedAt = performance.now();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => api.publisher.publish(outboundEvent(i), [user])),
  );
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
  await eventually(() => api.publisher.publish(outboundEvent(99), [user]), 10_000);
  await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toContain(99), 5_000);
  expect(reader.idleMs()).toBeLessThan(2_500);
});

test('connections that are cut in the middle of publishing double nothing, and keep the order', async () => {
  const { admin, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const inbox = collectInbox(gateway.openInbox());
  const acknowledged: number[] = [];
  for (let round = 0; round < 10; round++) {
    const seqs = Array.from({ length: 40 }, (_, i) => round * 40 + i + 1);
    const publishing = seqs.map((seq) => api.publisher.publish(outboundEvent(seq), [user]));
    const cutting = admin.run((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
    const outcomes = await Promise.allSettled(publishing);
    await cutting;
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'fulfilled') acknowledged.push(seqs[i] ?? 0);
      else expect(outcome.reason).toMatchObject({ code: 'UNAVAILABLE' });
    });
    await eventually(() => expect(api.isReady).toBe(true));
  }
  let last = 400;
  // The last cut may show only now.
  await eventually(() => api.publisher.publish(outboundEvent(++last), [user]));
  await eventually(() => expect(inbox.entries().at(-1)?.meta.seq).toBe(last), 5_000);
  const received = inbox.entries().map((entry) => entry.meta.seq ?? 0);
  expect(received).toEqual(expect.arrayContaining(acknowledged));
  expect(received).toEqual([...new Set(received)].toSorted((a, b) => a - b));
});

test('an instance that no longer exists is not written to, and is taken off its users', async () => {
  const { admin, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const inboxKey = admin.keys.inbox(gateway.lease.instance);
  await admin.run((client) => client.del(inboxKey));
  expect(await api.publisher.publish(outboundEvent(1), [user])).toEqual({ instances: 0 });
  expect(await admin.run((client) => client.exists(inboxKey))).toBe(0);
  await eventually(async () => {
    expect(await admin.run((client) => client.exists(admin.keys.userInstances(user)))).toBe(0);
  });
});

test('an inbox entry that cannot be read is told as a gap, and those around it come', async () => {
  const { admin, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const inboxKey = admin.keys.inbox(gateway.lease.instance);
  await api.publisher.publish(outboundEvent(1), [user]);
  await admin.run((client) => client.xadd(inboxKey, '1-*', 'junk', 'yes'));
  await api.publisher.publish(outboundEvent(3), [user]);
  const future = { v: 9, min: 9, id: 'f', at: 1, traceId: 't', event: 'new:thing', to: [user] };
  await admin.run((client) => client.xadd(inboxKey, '1-*', 'm', JSON.stringify(future), 'p', '{}'));
  const inbox = collectInbox(gateway.openInbox());
  await eventually(() => expect(inbox.batches).toHaveLength(3));
  expect(inbox.batches.map((batch) => [batch.gap, batch.entries.map((entry) => entry.meta.seq)])).toEqual([
    [false, [1]],
    [true, [3]],
    [true, []],
  ]);
});

test('an inbox entry of a newer version that this one can read comes like any other', async () => {
  const { admin, gateway: openGateway } = await openRig();
  const gateway = await openGateway();
  const newer = {
    v: 9,
    min: 1,
    id: 'f',
    at: 1,
    traceId: 't',
    event: 'new:message',
    to: ['u'],
    seq: 5,
    extra: { x: 1 },
  };
  const key = admin.keys.inbox(gateway.lease.instance);
  await admin.run((client) => client.xadd(key, '1-*', 'm', JSON.stringify(newer), 'p', '{}'));
  const inbox = collectInbox(gateway.openInbox());
  await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual([5]));
});

test('poison entries surface with the problem; what an older reader can read is not among them; the rest comes', async () => {
  const { admin, worker: openWorker } = await openRig();
  const worker = await openWorker();
  const add = (...fields: string[]) => admin.run((client) => client.xadd(admin.keys.receipts(0), '*', ...fields));
  const good = deliveredReceipt();
  const newer = { ...deliveredReceipt(), v: 7, min: 1, later: true };
  await add('junk', 'yes');
  await add('e', 'not json');
  await add('e', '[1,2]');
  await add('e', JSON.stringify({ ...good, v: 2 }));
  await add('e', JSON.stringify({ ...good, conversationId: 'no id' }));
  await add('e', JSON.stringify({ ...good, type: '__proto__' }));
  await add('e', JSON.stringify({ ...good, type: 'reacted', v: 3, min: 1 }));
  await add('e', JSON.stringify(newer));
  await add('e', JSON.stringify(good));
  const received = await receive(worker, 7, async (batch) => {
    for (const entry of batch) if (!entry.event) await worker.consumer.deadLetter(entry, entry.problem ?? '');
    await worker.consumer.acknowledge(batch.filter((entry) => entry.event));
  });
  expect(received.map((entry) => entry.event?.id ?? entry.problem)).toEqual([
    'it has not the field that entries have',
    'it is not a JSON object',
    'it is not a JSON object',
    'it needs a reader of version 2, this is 1',
    'it is not a valid "delivered" receipt',
    newer.id,
    good.id,
  ]);
  expect(await worker.deadLetters.count()).toBe(5);
  expect((await worker.deadLetters.list())[0]).toMatchObject({ fields: { junk: 'yes' }, partition: 0 });
  await eventually(async () => expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 }));
});

test('setting an entry aside twice makes one dead letter', async () => {
  const { worker: openWorker } = await openRig();
  const worker = await openWorker();
  await worker.receipts.append([deliveredReceipt()]);
  await receive(worker, 1, async ([entry]) => {
    if (!entry) throw new Error('the batch is empty');
    await Promise.all([worker.consumer.deadLetter(entry, 'one'), worker.consumer.deadLetter(entry, 'two')]);
  });
  expect(await worker.deadLetters.count()).toBe(1);
});

test('entries of a consumer that died are taken over by another', async () => {
  const { worker: openWorker } = await openRig();
  const dying = await openWorker('dying', 400);
  const sent = Array.from({ length: 20 }, () => deliveredReceipt());
  await dying.receipts.append(sent);
  await receive(dying, 20, async () => {});
  await dying.consumer.close();
  const heir = await openWorker('heir', 400);
  const seen = acknowledgeAll(heir);
  await eventually(() => expect(seen.ids.toSorted()).toEqual(sent.map((event) => event.id).toSorted()), 5_000);
  expect(seen.entries.every((entry) => entry.deliveries === 2)).toBe(true);
  expect(await heir.consumer.backlog()).toEqual({ pending: 0, unread: 0 });
});

test('a consumer that restarts under its name finds at once what it had not acknowledged', async () => {
  const { worker: openWorker } = await openRig();
  const first = await openWorker('worker-1');
  const sent = deliveredReceipt();
  await first.receipts.append([sent]);
  await receive(first, 1, async () => {});
  await first.consumer.close();
  const restarted = await openWorker('worker-1');
  const seen = acknowledgeAll(restarted);
  await eventually(() => expect(seen.ids).toEqual([sent.id]), 2_000);
  expect(seen.entries[0]?.deliveries).toBe(2);
});

test('two consumers that race lose nothing, also when one of them dies with entries in its hands', async () => {
  const { worker: openWorker, api: openApi } = await openRig();
  const [api, steady, dying] = [await openApi(), await openWorker('steady', 400), await openWorker('dying', 400)];
  const seen = acknowledgeAll(steady);
  const taken: ReceivedReceipt[] = [];
  const dies = (async () => {
    for await (const batch of dying.consumer.batches()) {
      taken.push(...batch);
      if (taken.length > 100) return dying.consumer.close();
    }
  })();
  let died = false;
  void dies.then(() => {
    died = true;
  });
  const sent: ReturnType<typeof deliveredReceipt>[] = [];
  // Whoever reads first takes all that is there: it goes on until the one that is to die had its share.
  while (sent.length < 1_000 || !died) {
    const more = Array.from({ length: 50 }, () => deliveredReceipt());
    sent.push(...more);
    await api.receipts.append(more);
  }
  await eventually(() => expect(missingFrom(seen.ids, sent)).toEqual([]), 15_000);
  expect(taken.length).toBeGreaterThan(100);
});

test('entries that were trimmed while they were pending are let go', async () => {
  const { admin, worker: openWorker } = await openRig();
  const first = await openWorker('worker-1');
  await first.receipts.append([deliveredReceipt()]);
  await receive(first, 1, async () => {});
  await first.consumer.close();
  for (const partition of [0, 1])
    await admin.run((client) => client.xtrim(admin.keys.receipts(partition), 'MAXLEN', 0));
  const restarted = await openWorker('worker-1');
  const seen = acknowledgeAll(restarted);
  await eventually(async () => expect(await restarted.consumer.backlog()).toEqual({ pending: 0, unread: 0 }));
  expect(seen.entries).toEqual([]);
});

test('while Redis is gone the bus writes at most ten log lines a second', async () => {
  const rig = await openRig();
  const [api, gateway, worker] = [await rig.api(), await rig.gateway(), await rig.worker()];
  const user = await openHeldUser(gateway);
  collectInbox(gateway.openInbox());
  acknowledgeAll(worker);
  await killAndCount(rig.server, rig.lines, async () => {
    await api.publisher
      .publish(outboundEvent(1), [user])
      .catch((error: { code: string }) => expect(error.code).toBe('UNAVAILABLE'));
    await gateway.signals.signal({ event: 'typing:start', conversationId: '0'.repeat(24), userId: user }, [user]);
  });
});

async function killAndCount(server: TestRedisServer, lines: unknown[], use: () => Promise<void>): Promise<void> {
  const before = lines.length;
  await server.kill();
  const killedAt = performance.now();
  await eventually(
    async () => {
      await use();
      return performance.now() - killedAt > 3_000;
    },
    10_000,
    5,
  );
  expect(lines.length - before).toBeGreaterThan(0);
  // Lines of the second in which it ends and of the one in which it began may come on top of three full ones.
  expect(lines.length - before).toBeLessThanOrEqual(40);
}

/** Receipts of one batch at most: two thousand of each of two partitions. */
const BATCH = 4_000;

test('a consumer that waits for its batch to be taken reads no further: memory stays bounded', async () => {
  const { admin, worker: openWorker } = await openRig();
  const worker = await openWorker();
  await worker.receipts.append(Array.from({ length: 15_000 }, () => deliveredReceipt()));
  for await (const batch of worker.consumer.batches()) {
    expect(batch.length).toBeLessThanOrEqual(BATCH);
    await eventually(async () => expect((await worker.consumer.backlog()).pending).toBeGreaterThanOrEqual(2 * BATCH));
    break;
  }
  const { pending, unread } = await worker.consumer.backlog();
  expect(pending).toBeLessThanOrEqual(2 * BATCH);
  expect(pending + unread).toBe(15_000);
  await admin.run((client) => client.ping());
});

test('signals are dropped, not queued, while Redis stalls', async () => {
  const { admin, gateway: openGateway } = await openRig();
  const gateway = await openGateway();
  const user = await openHeldUser(gateway);
  await admin.run((client) => client.call('CLIENT', 'PAUSE', '3000', 'ALL'));
  const startedAt = performance.now();
  const signal = { event: 'typing:start', conversationId: '0'.repeat(24), userId: user } as const;
  await Promise.all(Array.from({ length: 2_000 }, () => gateway.signals.signal(signal, [user])));
  expect(performance.now() - startedAt).toBeLessThan(2_500);
  expect((gateway.signals as RedisSignalPublisher).dropped).toBe(2_000);
});
