import type { FeedEvent, InboxMeta, ReceiptEvent, ServerEventName, Signal } from '@confab/contracts';

/*
 * Ports to the bus. An *instance* is one incarnation of one gateway process: `<gatewayId>.<incarnation>`. An instance whose lease
 * ran out never comes back: the process takes a new incarnation. So whatever a frozen process still does concerns an
 * instance that nobody reads or writes any more.
 */

/** A socket event on its way to users. `payload` is the event's payload as JSON text, encoded once by the publisher. */
export interface OutboundEvent {
  event: ServerEventName;
  payload: string;
  /** Payloads of further events that follow it: alike in all else, and to the same recipients. */
  more?: readonly string[];
  traceId: string;
  /** W3C: the span that publishes it, where traces are on. */
  traceparent?: string;
  conversationId?: string;
  messageId?: string;
  senderId?: string;
  seq?: number;
  /** Users that the event is about (membership changes), for the gateway's own books. */
  userIds?: string[];
  /** Stable over re-sends; made up if absent. */
  id?: string;
}

/**
 * Appends an event to the inbox of every gateway instance that holds a socket of one of the recipients, once per instance.
 * Guarantee: at least once to every instance that was registered when `publish` was called, in the order of the calls of one publisher to
 * one instance. Instances without a recipient are not touched. Calls of one turn of the event loop may go together; each has its own outcome.
 * @throws ChatError UNAVAILABLE if the bus did not take it in time; part of the instances may have it
 */
export interface EventPublisher {
  publish(event: OutboundEvent, recipients: readonly string[]): Promise<{ instances: number }>;
}

/** The worker's log. Guarantee: at least once, ordered by nothing; every effect is idempotent and only raises. */
export interface ReceiptLog {
  append(events: ReceiptEvent[]): Promise<void>;
}

/** The durable feed for other consumers. Guarantee: at least once, ordered per conversation up to re-sends. */
export interface EventFeed {
  append(event: FeedEvent): Promise<void>;
}

/** Ephemeral signals to the gateways of some users. Guarantee: none; dropped under pressure. Never throws, never waits long. */
export interface SignalPublisher {
  signal(signal: Omit<Signal, 'to'>, recipients: readonly string[]): Promise<void>;
}

/** Who is connected where. */
export interface PresenceDirectory {
  /** user -> instances that hold a socket of theirs; users without one are absent. */
  instancesOf(userIds: readonly string[]): Promise<Map<string, string[]>>;
  onlineAmong(userIds: readonly string[]): Promise<Set<string>>;
}

/** The gateway's side of presence. */
export interface GatewayLease {
  /** The instance that this process is now. */
  readonly instance: string;
  /** Adds the user to this instance. Returns once every publisher that looks the user up finds it. */
  register(userId: string): Promise<void>;
  unregister(userId: string): Promise<void>;
  /** Renews the lease. @returns false if the lease or the inbox is gone, or the bus may have lost who is registered: call `reincarnate` */
  renew(): Promise<boolean>;
  /** A new incarnation with a new inbox, in which all of `userIds` are registered. */
  reincarnate(userIds: string[]): Promise<void>;
  /** Gives the lease back: the instance and all of its users are gone at once. */
  release(): Promise<void>;
}

export interface InboxEntry {
  /** 1, 2, 3 ... without a gap within one instance: a jump means that entries were trimmed unread. Events that came packed share one. */
  position: number;
  meta: InboxMeta;
  payload: string;
}

export interface InboxBatch {
  entries: InboxEntry[];
  /** Entries between the last batch and this one are lost. */
  gap: boolean;
}

/** The gateway's side of the inbox: an async iterator that ends with `close`. Reads again from the last position after a lost connection. */
export interface InboxReader extends AsyncIterable<InboxBatch> {
  /** Milliseconds since the reader last heard from the bus (an empty answer counts). */
  idleMs(): number;
  close(): Promise<void>;
}

/**
 * What one user may have and do over all gateways. Numbers belong to the gateway's instance and end with its lease. Calls for one user must
 * not overlap. Each throws ChatError UNAVAILABLE while the bus is away: each gateway then keeps the limits for itself.
 */
export interface UserQuota {
  /**
   * Says that this gateway holds `count` sockets of the user. Guarantee: those that were taken never exceed `limit` over all live gateways.
   * @returns false if they would: then what was said before stands
   */
  takeSockets(userId: string, count: number, limit: number): Promise<boolean>;
  /** Says how many sockets of each user there are now, without asking. */
  setSockets(counts: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Takes events that were handled here out of the bucket that the user has for all gateways.
   * @returns the milliseconds for which the user has had enough; 0 if they are within the budget
   */
  spendEvents(userId: string, events: number, rule: { perSecond: number; burst: number }): Promise<number>;
}

/** The gateway's side of the bus. */
export interface GatewayBus {
  lease: GatewayLease;
  quota: UserQuota;
  receipts: ReceiptLog;
  signals: SignalPublisher;
  /** For handshakes: a local copy, no round trip. */
  revocations: RevocationList;
  /** True while the bus takes commands: a part of readiness. */
  readonly isReady: boolean;
  openInbox(): InboxReader;
  /** Entries of the inbox, of one event or several, that were not read yet, for metrics; absent where there is nothing to wait in. */
  inboxDepth?(): Promise<number>;
  /** Calls back for every signal to this instance, until closed. */
  onSignal(handler: (signal: Signal) => void): Promise<() => Promise<void>>;
  /** Revocations as they happen (and those of the last minutes on a new connection). */
  onRevocation(handler: (revocation: Revocation) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface ReceivedReceipt {
  /** Where to acknowledge it. */
  partition: number;
  entryId: string;
  /** Null if the entry is not readable: `problem` says why. */
  event: ReceiptEvent | null;
  problem?: string;
  /** How often it was delivered to a consumer, this time included. */
  deliveries: number;
}

export interface DeadLetter {
  id: string;
  partition: number;
  reason: string;
  fields: Record<string, string>;
  at: number;
}

/** The worker's side of the receipts log: a consumer group over all partitions. */
export interface ReceiptConsumer {
  /** Batches of new entries, and of entries that another consumer left unacknowledged for too long. Ends with `close`. */
  batches(): AsyncIterable<ReceivedReceipt[]>;
  acknowledge(entries: ReceivedReceipt[]): Promise<void>;
  /** The batch at work makes progress: its entries, and those read behind it, are not left behind. Cheap, for each step. */
  keep?(): Promise<void>;
  /** Sets an entry aside with the reason, and acknowledges it. */
  deadLetter(entry: ReceivedReceipt, reason: string): Promise<void>;
  /** Entries not acknowledged yet, and entries not read yet. */
  backlog(): Promise<{ pending: number; unread: number }>;
  idleMs(): number;
  close(): Promise<void>;
}

/** The worker's side of presence. */
export interface PresenceRegistry extends PresenceDirectory {
  /** @returns true if the user was announced offline (or never) and is connected: announce them now */
  claimOnline(userId: string): Promise<boolean>;
  /** @returns true if the user was announced online and is connected nowhere: announce it now */
  claimOffline(userId: string): Promise<boolean>;
  /** Remembers to check the user at `dueAt` (Unix ms), over crashes of the worker. */
  scheduleOfflineCheck(userId: string, dueAt: number): Promise<void>;
  /** Users whose check is due. A check that is not `settled` comes again. */
  dueOfflineChecks(now: number, limit: number): Promise<string[]>;
  settleOfflineCheck(userId: string, checkedAt: number): Promise<void>;
  /** Removes instances whose lease ran out, and schedules the checks of the users that they held. @returns those users */
  reapExpired(): Promise<{ instance: string; userIds: string[] }[]>;
}

export interface Revocation {
  userId?: string;
  tokenId?: string;
  /** Tokens of `userId` issued before this (Unix seconds) are refused. */
  issuedBefore: number;
}

export interface RevocationList {
  add(revocation: Revocation): Promise<void>;
  /** From a local copy that follows the shared list: no round trip per request. */
  isRevoked(token: { userId: string; tokenId?: string; issuedAt: number }): boolean;
}

/** Sliding windows, the same for every process that shares the bus. */
export interface RateLimiter {
  /**
   * Counts one use of `key`, if the window has room. The same `member` counts once.
   * @returns `retryAfter` in whole seconds if there is no room, else how many uses are `left` in the window after this one, and `countedBefore` if
   *   the member was in it already: a hint, since what each process counted for itself while the bus was away may be told as new
   */
  take(
    key: string,
    rule: { limit: number; windowMs: number },
    member: string,
  ): Promise<{ allowed: true; left: number; countedBefore?: true } | { allowed: false; retryAfter: number }>;
  /** Gives a use back (the thing it was for did not happen). */
  giveBack(key: string, member: string): Promise<void>;
}

/** What an operator does with receipts that could not be processed. */
export interface DeadLetterBox {
  /** The oldest first within each partition, at most `limit` in all (default 100). */
  list(limit?: number): Promise<DeadLetter[]>;
  count(): Promise<number>;
  /** Puts it back into the log. @returns false if there is none of that id */
  replay(letter: Pick<DeadLetter, 'partition' | 'id'>): Promise<boolean>;
  /** Removes it for good. @returns false if there is none of that id */
  drop(letter: Pick<DeadLetter, 'partition' | 'id'>): Promise<boolean>;
}

/** What the api needs of the bus. */
export interface ApiBus {
  publisher: EventPublisher;
  receipts: ReceiptLog;
  feed: EventFeed;
  presence: PresenceDirectory;
  limiter: RateLimiter;
  revocations: RevocationList;
  readonly isReady: boolean;
  close(): Promise<void>;
}

/** What the receipts worker needs of the bus. */
export interface WorkerBus {
  publisher: EventPublisher;
  receipts: ReceiptLog;
  feed: EventFeed;
  presence: PresenceRegistry;
  limiter: RateLimiter;
  consumer: ReceiptConsumer;
  deadLetters: DeadLetterBox;
  readonly isReady: boolean;
  close(): Promise<void>;
}
