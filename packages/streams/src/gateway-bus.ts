import type { GatewayBus, InboxReader, Revocation, SignalPublisher } from '@confab/chat';
import type { Signal } from '@confab/contracts';
import type {
  RedisConnection,
  RedisGatewayLease,
  RedisRevocationList,
  RedisUserQuota,
  Subscriptions,
} from '@confab/redis';
import { RedisInboxReader } from './inbox-reader.ts';
import type { RedisReceiptLog } from './receipt-log.ts';
import { SignalSubscription } from './signals.ts';

export interface GatewayBusParts {
  commands: RedisConnection;
  connectReader: () => RedisConnection;
  subscriptions: Subscriptions;
  lease: RedisGatewayLease;
  quota: RedisUserQuota;
  receipts: RedisReceiptLog;
  signals: SignalPublisher;
  revocations: RedisRevocationList;
}

/** The gateway's side of the bus on Redis: inboxes and signals follow the lease into each new incarnation. */
export class RedisGatewayBus implements GatewayBus {
  readonly lease: RedisGatewayLease;
  readonly quota: RedisUserQuota;
  readonly receipts: RedisReceiptLog;
  readonly signals: SignalPublisher;
  readonly revocations: RedisRevocationList;
  readonly #parts: GatewayBusParts;
  readonly #subscription: SignalSubscription;
  readonly #inboxes = new Set<RedisInboxReader>();

  constructor(parts: GatewayBusParts) {
    this.#parts = parts;
    this.lease = parts.lease;
    this.quota = parts.quota;
    this.receipts = parts.receipts;
    this.signals = parts.signals;
    this.revocations = parts.revocations;
    this.#subscription = new SignalSubscription(parts.commands, parts.subscriptions);
    this.lease.compareWith((instance) => Math.max(0, ...[...this.#inboxes].map((inbox) => inbox.lastReadOf(instance))));
    this.lease.onIncarnation((instance) => this.#follow(instance));
  }

  /** True while commands to Redis can be given: a part of readiness. */
  get isReady(): boolean {
    return this.#parts.commands.isReady;
  }

  openInbox(): InboxReader {
    const reader = new RedisInboxReader(this.#parts.connectReader(), { instance: () => this.lease.instance });
    this.#inboxes.add(reader);
    return reader;
  }

  /** Of the reader that is furthest behind. */
  async inboxDepth(): Promise<number> {
    const { commands } = this.#parts;
    const key = commands.keys.inbox(this.lease.instance);
    const [newest] = await commands.run((client) => client.xrevrange(key, '+', '-', 'COUNT', 1));
    const published = Number(newest?.[0].split('-')[1] ?? 0);
    return Math.max(0, ...[...this.#inboxes].map((inbox) => published - inbox.lastRead));
  }

  async onSignal(handler: (signal: Signal) => void): Promise<() => Promise<void>> {
    return this.#subscription.onSignal(handler);
  }

  async onRevocation(handler: (revocation: Revocation) => void): Promise<() => Promise<void>> {
    const stop = this.revocations.onRevocation(handler);
    return async () => stop();
  }

  /** Closes readers and connections. It does not give the lease back: `lease.release()` does, while sockets are drained. */
  async close(): Promise<void> {
    await Promise.all([...this.#inboxes].map((inbox) => inbox.close()));
    await this.revocations.close();
    await this.#parts.subscriptions.close();
    await this.#parts.commands.close();
  }

  #follow(instance: string): void {
    for (const inbox of this.#inboxes) inbox.switchInstance();
    // It reports its own failures, and subscribes again with the connection.
    void this.#subscription.follow(instance);
  }
}
