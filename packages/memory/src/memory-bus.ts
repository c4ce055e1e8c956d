import type { ApiBus, GatewayBus, InboxReader, Revocation, WorkerBus } from '@confab/chat';
import type { Signal } from '@confab/contracts';
import { MemoryInboxReader } from './inbox.ts';
import { MemoryGatewayLease, MemoryPresence } from './presence.ts';
import { MemoryRateLimiter } from './rate-limiter.ts';
import { MemoryReceiptConsumer, MemoryReceipts } from './receipts.ts';
import { MemoryRevocationList } from './revocations.ts';
import { MemoryEventFeed, MemoryEventPublisher, MemorySignals } from './routing.ts';
import { MemoryUserCounts, MemoryUserQuota } from './user-quota.ts';
import { Wakeup } from './wakeup.ts';

export interface MemoryBusOptions {
  /** Unix ms. */
  now?: () => number;
  /** Entries that one inbox keeps: the bound of what a gateway that does not read costs. */
  inboxLength?: number;
  /** Unread receipts that are kept. */
  receiptsLength?: number;
  offlineGraceMs?: number;
}

/** The bus of one process. */
export interface MemoryBus {
  api: ApiBus;
  /** @param options.leaseMs default 12 s, as in Redis: a gateway whose event loop stood still for so long re-registers */
  gateway(options: { gatewayId: string; leaseMs?: number }): GatewayBus;
  worker(options?: { claimIdleMs?: number }): WorkerBus;
  /** For tools and tests. */
  feed: MemoryEventFeed;
  presence: MemoryPresence;
}

const DEFAULT_INBOX_LENGTH = 10_000;
const DEFAULT_RECEIPTS_LENGTH = 200_000;
const DEFAULT_LEASE_MS = 12_000;

/** Makes a bus for api, gateway and worker in one process, with the guarantees of the one on Redis. Nothing outlives the process. */
export function createMemoryBus(options: MemoryBusOptions = {}): MemoryBus {
  const parts = createParts(options);
  const { presence, publisher, receipts, feed, limiter, revocations } = parts;
  const shared = { publisher, receipts, feed, limiter, isReady: true };
  const nothingToClose = async () => {};
  return {
    feed,
    presence,
    api: { ...shared, presence, revocations, close: nothingToClose },
    gateway: (gateway) => new MemoryGatewayBus(parts, gateway.gatewayId, gateway.leaseMs ?? DEFAULT_LEASE_MS),
    worker(worker = {}) {
      const consumer = new MemoryReceiptConsumer(receipts, worker.claimIdleMs);
      return { ...shared, presence, consumer, deadLetters: receipts, close: () => consumer.close() };
    },
  };
}

type Parts = ReturnType<typeof createParts>;

function createParts(options: MemoryBusOptions) {
  const now = options.now ?? Date.now;
  const wakeup = new Wakeup();
  const presence = new MemoryPresence({
    now,
    wakeup,
    inboxLength: options.inboxLength ?? DEFAULT_INBOX_LENGTH,
    offlineGraceMs: options.offlineGraceMs,
  });
  return {
    wakeup,
    presence,
    publisher: new MemoryEventPublisher(presence, now),
    receipts: new MemoryReceipts({ now, length: options.receiptsLength ?? DEFAULT_RECEIPTS_LENGTH }),
    feed: new MemoryEventFeed(),
    limiter: new MemoryRateLimiter(now),
    revocations: new MemoryRevocationList(),
    signals: new MemorySignals(presence),
    counts: new MemoryUserCounts(),
    now,
  };
}

class MemoryGatewayBus implements GatewayBus {
  readonly lease: MemoryGatewayLease;
  readonly quota: MemoryUserQuota;
  readonly receipts: MemoryReceipts;
  readonly signals: MemorySignals;
  readonly revocations: MemoryRevocationList;
  readonly isReady = true;
  readonly #parts: Parts;
  readonly #inboxes = new Set<InboxReader>();

  constructor(parts: Parts, gatewayId: string, leaseMs: number) {
    this.#parts = parts;
    this.lease = new MemoryGatewayLease(parts.presence, gatewayId, leaseMs, () => parts.wakeup.wake());
    this.quota = new MemoryUserQuota(parts.counts, {
      now: parts.now,
      instance: () => this.lease.instance,
      isLive: (instance) => parts.presence.inboxOf(instance) !== undefined,
    });
    this.receipts = parts.receipts;
    this.signals = parts.signals;
    this.revocations = parts.revocations;
  }

  openInbox(): InboxReader {
    const { presence, wakeup } = this.#parts;
    const current = () => ({ instance: this.lease.instance, inbox: presence.inboxOf(this.lease.instance) });
    const reader = new MemoryInboxReader(current, wakeup);
    this.#inboxes.add(reader);
    return reader;
  }

  async onSignal(handler: (signal: Signal) => void): Promise<() => Promise<void>> {
    const stop = this.signals.listen(() => this.lease.instance, handler);
    return async () => stop();
  }

  async onRevocation(handler: (revocation: Revocation) => void): Promise<() => Promise<void>> {
    const stop = this.revocations.onRevocation(handler);
    return async () => stop();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#inboxes].map((inbox) => inbox.close()));
  }
}
