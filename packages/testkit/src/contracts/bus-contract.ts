import type { ApiBus, GatewayBus, InboxBatch, InboxEntry, InboxReader, WorkerBus } from '@confab/chat';
import type { ReceiptEvent, Signal } from '@confab/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { deliveredReceipt, objectId, outboundEvent, presenceReceipt, uniqueUser } from './fixtures.ts';

export interface BusBackend {
  api: ApiBus;
  /** A gateway whose first lease is open. */
  openGateway(gatewayId: string): Promise<GatewayBus>;
  /** A worker with a log that no other test uses. */
  openWorker(options: { consumerName: string; claimIdleMs?: number }): Promise<WorkerBus>;
  /** Keeps only the newest entries of the gateway's inbox. */
  trimInbox(gateway: GatewayBus, keep: number): Promise<void>;
  close(): Promise<void>;
}

/** Collects what a reader yields, until it is closed. */
export function collectInbox(reader: InboxReader): {
  batches: InboxBatch[];
  entries: () => InboxEntry[];
  ended: Promise<void>;
} {
  const batches: InboxBatch[] = [];
  const collect = async () => {
    for await (const batch of reader) batches.push(batch);
  };
  return { batches, entries: () => batches.flatMap((batch) => batch.entries), ended: collect() };
}

/** What publisher and inbox, receipts and signals must do, on every bus. */
export function busContract(name: string, open: () => Promise<BusBackend>): void {
  describe(`bus on ${name}`, () => {
    let backend: BusBackend;
    const toClose: { close(): Promise<void> }[] = [];
    beforeAll(async () => {
      backend = await open();
    });
    afterEach(async () => {
      for (const opened of toClose.splice(0).reverse()) await opened.close();
    });
    afterAll(() => backend.close());

    const openGateway = async () => {
      const gateway = await backend.openGateway(uniqueUser('gateway'));
      toClose.push(gateway);
      return gateway;
    };
    const openWorker = async (options: { claimIdleMs?: number } = {}) => {
      const worker = await backend.openWorker({ consumerName: uniqueUser('worker'), ...options });
      toClose.push(worker);
      return worker;
    };

    describe('publisher and inbox', () => {
      test('events that differ in their payloads alone may be published at once; they come as events of their own, in order', async () => {
        const [gateway, alice] = [await openGateway(), uniqueUser('alice')];
        await gateway.lease.register(alice);
        const inbox = collectInbox(gateway.openInbox());
        const texts = Array.from({ length: 100 }, (_, i) => JSON.stringify({ n: i }));
        const [payload = '', ...more] = texts;
        const published = await Promise.all([
          backend.api.publisher.publish(outboundEvent(1), [alice]),
          backend.api.publisher.publish(outboundEvent(2, { payload, more }), [alice]),
          backend.api.publisher.publish(outboundEvent(3), [alice]),
        ]);
        expect(published).toEqual([{ instances: 1 }, { instances: 1 }, { instances: 1 }]);
        await eventually(() => expect(inbox.entries()).toHaveLength(102));
        expect(inbox.entries().map(({ meta }) => meta.seq)).toEqual([1, ...texts.map(() => 2), 3]);
        expect(inbox.entries().slice(1, -1)).toMatchObject(texts.map((text) => ({ payload: text })));
        expect(inbox.batches.some(({ gap }) => gap)).toBe(false);
      });

      test('an event comes once to each instance that holds a recipient, with its recipients there', async () => {
        const [one, two, idle] = [await openGateway(), await openGateway(), await openGateway()];
        const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
        await one.lease.register(alice);
        await one.lease.register(bob);
        await two.lease.register(bob);
        const inboxes = [one, two, idle].map((gateway) => collectInbox(gateway.openInbox()));
        const conversationId = objectId();
        const published = await backend.api.publisher.publish(
          outboundEvent(7, { conversationId, senderId: alice, id: 'event-7' }),
          [alice, bob, uniqueUser('offline')],
        );
        expect(published).toEqual({ instances: 2 });
        await eventually(() => expect(inboxes.map((inbox) => inbox.entries().length)).toEqual([1, 1, 0]));
        const entry = inboxes[0]?.entries()[0];
        expect(entry?.position).toBe(1);
        expect(entry?.payload).toBe(JSON.stringify({ message: { seq: 7 } }));
        expect(entry?.meta).toMatchObject({
          id: 'event-7',
          event: 'new:message',
          seq: 7,
          conversationId,
          senderId: alice,
        });
        expect(entry?.meta.to.toSorted()).toEqual([alice, bob].toSorted());
        expect(inboxes[1]?.entries()[0]?.meta.to).toEqual([bob]);
      });

      test('what was read from an inbox does not keep its lease from being renewed, in a new incarnation neither', async () => {
        const [gateway, user] = [await openGateway(), uniqueUser('u')];
        await gateway.lease.register(user);
        const inbox = collectInbox(gateway.openInbox());
        for (let incarnation = 1; incarnation <= 2; incarnation++) {
          expect(await gateway.lease.renew()).toBe(true);
          for (let seq = 1; seq <= 70; seq++) await backend.api.publisher.publish(outboundEvent(seq), [user]);
          await eventually(() => expect(inbox.entries()).toHaveLength(70 * incarnation));
          expect(await gateway.lease.renew()).toBe(true);
          await gateway.lease.reincarnate([user]);
        }
      });

      test('nobody connected is nobody told, without an error', async () => {
        expect(await backend.api.publisher.publish(outboundEvent(1), [uniqueUser('u')])).toEqual({ instances: 0 });
        expect(await backend.api.publisher.publish(outboundEvent(1), [])).toEqual({ instances: 0 });
      });

      test('keeps the order of calls that did not wait for each other, with positions that never skip one', async () => {
        const [gateway, users] = [await openGateway(), [uniqueUser('a'), uniqueUser('b'), uniqueUser('c')]];
        for (const user of users) await gateway.lease.register(user);
        const inbox = collectInbox(gateway.openInbox());
        const seqs = Array.from({ length: 300 }, (_, i) => i + 1);
        await Promise.all(
          seqs.map((seq) => backend.api.publisher.publish(outboundEvent(seq), users.slice(0, 1 + (seq % 3)))),
        );
        await eventually(() => expect(inbox.entries()).toHaveLength(300));
        expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual(seqs);
        const positions = inbox.entries().map((entry) => entry.position);
        expect(positions[0]).toBe(1);
        const steps = positions.slice(1).map((position, i) => position - (positions[i] ?? 0));
        expect(steps.every((step) => step === 0 || step === 1)).toBe(true);
        expect(inbox.batches.every((batch) => !batch.gap)).toBe(true);
      });

      test('what was published before the inbox was opened for reading comes too', async () => {
        const [gateway, user] = [await openGateway(), uniqueUser('u')];
        await gateway.lease.register(user);
        await backend.api.publisher.publish(outboundEvent(1), [user]);
        const inbox = collectInbox(gateway.openInbox());
        await eventually(() => expect(inbox.entries()).toHaveLength(1));
      });

      test('entries that were trimmed unread are told as a gap', async () => {
        const [gateway, user] = [await openGateway(), uniqueUser('u')];
        await gateway.lease.register(user);
        for (let seq = 1; seq <= 10; seq++) await backend.api.publisher.publish(outboundEvent(seq), [user]);
        await backend.trimInbox(gateway, 4);
        const inbox = collectInbox(gateway.openInbox());
        await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual([7, 8, 9, 10]));
        expect(inbox.batches.map((batch) => batch.gap)).toEqual([true]);
      });

      test('the reader goes on with the inbox of the next incarnation, from its beginning and without a gap', async () => {
        const [gateway, user] = [await openGateway(), uniqueUser('u')];
        await gateway.lease.register(user);
        const inbox = collectInbox(gateway.openInbox());
        await backend.api.publisher.publish(outboundEvent(1), [user]);
        await backend.api.publisher.publish(outboundEvent(2), [user]);
        await eventually(() => expect(inbox.entries()).toHaveLength(2));
        await gateway.lease.reincarnate([user]);
        expect(await backend.api.publisher.publish(outboundEvent(3), [user])).toEqual({ instances: 1 });
        await eventually(() => expect(inbox.entries().map((entry) => entry.meta.seq)).toEqual([1, 2, 3]));
        expect(inbox.entries().map((entry) => entry.position)).toEqual([1, 2, 1]);
        expect(inbox.batches.some((batch) => batch.gap)).toBe(false);
      });

      test('an instance that was given back gets nothing', async () => {
        const [gateway, user] = [await openGateway(), uniqueUser('u')];
        await gateway.lease.register(user);
        await gateway.lease.release();
        expect(await backend.api.publisher.publish(outboundEvent(1), [user])).toEqual({ instances: 0 });
      });

      test('close ends the iteration', async () => {
        const reader = (await openGateway()).openInbox();
        const { ended } = collectInbox(reader);
        await reader.close();
        await ended;
      });

      test('an idle reader hears from the bus all the same', async () => {
        const reader = (await openGateway()).openInbox();
        const { ended } = collectInbox(reader);
        await eventually(() => expect(reader.idleMs()).toBeLessThan(1_500), 5_000);
        await reader.close();
        await ended;
      });
    });

    describe('receipts', () => {
      test('what is appended comes to the consumer, and not again once acknowledged', async () => {
        const worker = await openWorker({ claimIdleMs: 200 });
        const sent = [deliveredReceipt(), presenceReceipt(uniqueUser('u')), deliveredReceipt()];
        await worker.receipts.append(sent);
        const received = await receive(worker, 3, async (batch) => worker.consumer.acknowledge(batch));
        expect(received.map(idOf).toSorted()).toEqual(sent.map((event) => event.id).toSorted());
        await eventually(async () => expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 }));
      });

      test('an entry that is not acknowledged comes again, with the count of its deliveries', async () => {
        const worker = await openWorker({ claimIdleMs: 200 });
        const sent = deliveredReceipt();
        await worker.receipts.append([sent]);
        const deliveries: number[] = [];
        await receive(worker, 3, async (batch) => {
          deliveries.push(...batch.map((entry) => entry.deliveries));
          if (deliveries.length === 3) await worker.consumer.acknowledge(batch);
        });
        expect(deliveries).toEqual([1, 2, 3]);
        expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 });
      });

      test('a dead letter leaves the log with its reason, and can be replayed or dropped', async () => {
        const worker = await openWorker({ claimIdleMs: 200 });
        const sent = deliveredReceipt();
        await worker.receipts.append([sent]);
        await receive(worker, 1, async (batch) => {
          for (const entry of batch) await worker.consumer.deadLetter(entry, 'no such conversation');
        });
        const [letter] = await worker.deadLetters.list();
        expect(letter).toMatchObject({ reason: 'no such conversation' });
        expect(JSON.parse(letter?.fields.e ?? '')).toEqual(sent);
        expect(await worker.consumer.backlog()).toEqual({ pending: 0, unread: 0 });
        if (!letter) throw new Error('there is no dead letter');
        expect(await worker.deadLetters.replay(letter)).toBe(true);
        expect(await worker.deadLetters.replay(letter)).toBe(false);
        const again = await receive(worker, 1, (batch) => worker.consumer.acknowledge(batch));
        expect(again.map(idOf)).toEqual([sent.id]);
        expect(await worker.deadLetters.count()).toBe(0);
      });

      test('a dead letter can be dropped', async () => {
        const worker = await openWorker();
        await worker.receipts.append([deliveredReceipt()]);
        await receive(worker, 1, async (batch) => {
          for (const entry of batch) await worker.consumer.deadLetter(entry, 'junk');
        });
        const [letter] = await worker.deadLetters.list();
        if (!letter) throw new Error('there is no dead letter');
        expect(await worker.deadLetters.drop(letter)).toBe(true);
        expect(await worker.deadLetters.drop(letter)).toBe(false);
        expect(await worker.deadLetters.list()).toEqual([]);
      });

      test('two loops over one consumer share the work, each entry once', async () => {
        const worker = await openWorker();
        const sent = Array.from({ length: 600 }, () => deliveredReceipt());
        await worker.receipts.append(sent);
        const seen: string[] = [];
        const loop = async () => {
          for await (const batch of worker.consumer.batches()) {
            await worker.consumer.acknowledge(batch);
            seen.push(...batch.map(idOf));
          }
        };
        const loops = [loop(), loop()];
        await eventually(() => expect(seen).toHaveLength(600), 10_000);
        await worker.consumer.close();
        await Promise.all(loops);
        expect(new Set(seen).size).toBe(600);
      });
    });

    describe('signals', () => {
      const typing = (userId: string): Omit<Signal, 'to'> => ({
        event: 'typing:start',
        conversationId: objectId(),
        userId,
      });

      test('a signal comes to the instances of its recipients, and to no other', async () => {
        const [one, two] = [await openGateway(), await openGateway()];
        const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
        await one.lease.register(alice);
        await two.lease.register(bob);
        const [atOne, atTwo] = [[] as Signal[], [] as Signal[]];
        await one.onSignal((signal) => void atOne.push(signal));
        await two.onSignal((signal) => void atTwo.push(signal));
        const signal = typing(alice);
        await eventually(async () => {
          await one.signals.signal(signal, [bob]);
          expect(atTwo).toContainEqual({ ...signal, to: [bob] });
        });
        expect(atOne).toEqual([]);
      });

      test('signals follow the instance into its next incarnation', async () => {
        const [gateway, user, heard] = [await openGateway(), uniqueUser('u'), [] as Signal[]];
        await gateway.onSignal((signal) => void heard.push(signal));
        await gateway.lease.reincarnate([user]);
        await eventually(async () => {
          await gateway.signals.signal(typing('alice'), [user]);
          expect(heard.length).toBeGreaterThan(0);
        });
      });

      test('nothing comes after the handler was closed', async () => {
        const [gateway, user, heard] = [await openGateway(), uniqueUser('u'), [] as Signal[]];
        await gateway.lease.register(user);
        const stop = await gateway.onSignal((signal) => void heard.push(signal));
        const other: Signal[] = [];
        await gateway.onSignal((signal) => void other.push(signal));
        await stop();
        await eventually(async () => {
          await gateway.signals.signal(typing('alice'), [user]);
          expect(other.length).toBeGreaterThan(0);
        });
        expect(heard).toEqual([]);
      });
    });

    test('revocations reach the gateway', async () => {
      const [gateway, userId, heard] = [await openGateway(), uniqueUser('u'), [] as unknown[]];
      await gateway.onRevocation((revocation) => void heard.push(revocation));
      await backend.api.revocations.add({ userId, issuedBefore: 1_000 });
      await eventually(() => expect(heard).toContainEqual({ userId, issuedBefore: 1_000 }), 3_000);
      expect(gateway.revocations.isRevoked({ userId, issuedAt: 1 })).toBe(true);
    });

    test('the feed takes events', async () => {
      const event = {
        v: 1,
        id: objectId(),
        at: Date.now(),
        traceId: 't',
        conversationId: objectId(),
        data: { seq: 1 },
      };
      await backend.api.feed.append({ ...event, type: 'message.created' });
    });
  });
}

type Batch = Awaited<ReturnType<WorkerBus['consumer']['batches']>> extends AsyncIterable<infer B> ? B : never;

const idOf = (entry: Batch[number]): string => (entry.event as ReceiptEvent).id;

/** Receives until `count` entries came, giving each batch to `handle`. */
export async function receive(
  worker: WorkerBus,
  count: number,
  handle: (batch: Batch) => Promise<void>,
): Promise<Batch> {
  const received: Batch = [];
  for await (const batch of worker.consumer.batches()) {
    received.push(...batch);
    await handle(batch);
    if (received.length >= count) return received;
  }
  throw new Error(`the consumer ended after ${received.length} of ${count} entries`);
}
