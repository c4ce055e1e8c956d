import type { Clock, GatewayBus, InboxBatch, Revocation } from '@confab/chat';
import type { Signal } from '@confab/contracts';
import type { Logger } from '@confab/service-kit';
import { createInboxLoop } from './inbox-loop.ts';
import { createLeaseKeeper, type LeaseKeeper } from './lease-keeper.ts';
import { createPresence, type Presence } from './presence.ts';
import { createReceiptOutbox, type ReceiptOutbox } from './receipt-outbox.ts';

/** What comes from the bus, for the sockets. */
export interface BusEvents {
  onBatch(batch: InboxBatch): Promise<void>;
  onSignal(signal: Signal): void;
  onRevocation(revocation: Revocation): void;
  /** Events may have been lost: the gateway is a new instance. */
  onReincarnated(): void;
  /** The lease was renewed: the bus is there. */
  onRenewed(): void;
}

export interface BusSide {
  presence: Presence;
  outbox: ReceiptOutbox;
  leaseKeeper: LeaseKeeper;
  inboxIdleMs(): number;
  /** Opens the lease and follows the bus. @throws ChatError UNAVAILABLE */
  start(events: BusEvents): Promise<void>;
  /** Flushes receipts, gives the lease back, stops reading. Call it once no socket is left. */
  close(): Promise<void>;
}

/** Milliseconds that the last receipts may take. */
const FLUSH_MS = 2_000;

/** Everything between this gateway and the bus. */
export function createBusSide(options: {
  bus: GatewayBus;
  clock: Clock;
  newId: () => string;
  logger: Logger;
}): BusSide {
  const { bus, clock, newId, logger: log } = options;
  const outbox = createReceiptOutbox(bus.receipts, log);
  const presence = createPresence({ lease: bus.lease, outbox, clock, newId, log });
  let events: BusEvents | undefined;
  const leaseKeeper = createLeaseKeeper({
    lease: bus.lease,
    presence,
    log,
    onReincarnated: () => events?.onReincarnated(),
    onRenewed: () => events?.onRenewed(),
  });
  const inbox = createInboxLoop(bus, async (batch) => events?.onBatch(batch), log);
  const unsubscribe: (() => Promise<void>)[] = [];

  return {
    presence,
    outbox,
    leaseKeeper,
    inboxIdleMs: () => inbox.idleMs(),
    async start(receiver) {
      events = receiver;
      await leaseKeeper.start();
      unsubscribe.push(await bus.onSignal((signal) => receiver.onSignal(signal)));
      unsubscribe.push(await bus.onRevocation((revocation) => receiver.onRevocation(revocation)));
      inbox.start();
    },
    async close() {
      await presence.settle(FLUSH_MS / 2);
      await outbox.flush(FLUSH_MS / 2);
      outbox.close();
      await leaseKeeper.stop();
      await Promise.allSettled(unsubscribe.map((stop) => stop()));
      await Promise.all([bus.lease.release(), inbox.stop()]);
    },
  };
}
