import type { Revocation, RevocationList } from '@confab/chat';
import type { RedisConnection } from './connection.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface RevocationListOptions {
  /** Milliseconds that a revocation is kept; at least as long as any token lives. Default 30 days. */
  keepMs?: number;
  /** Milliseconds between two looks at the list, besides those that Pub/Sub triggers. */
  refreshMs?: number;
}

const DEFAULT_KEEP_MS = 30 * 24 * 3_600_000;
/** A lost Pub/Sub message delays a revocation by this at most. Source: FAULTS 31, cut within 5 s. */
const DEFAULT_REFRESH_MS = 2_000;
const PAGE = 1_000;
/** How far back revocations are told again after a reconnect. */
const RECENT_MS = 10 * 60_000;

interface Kept {
  issuedBefore: number;
  addedAt: number;
}

/**
 * Revocations as a stream in Redis, with a copy in each process that reads on from where it is: told by Pub/Sub, and every 2 s in any
 * case. While Redis is away the copy goes on deciding. A list that Redis lost is put back from the copies.
 */
export class RedisRevocationList implements RevocationList {
  readonly #connection: RedisConnection;
  readonly #subscriptions: Subscriptions;
  readonly #keepMs: number;
  readonly #refreshMs: number;
  readonly #users = new Map<string, Kept>();
  readonly #tokens = new Map<string, Kept>();
  readonly #handlers = new Set<(revocation: Revocation) => void>();
  #position = '-';
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(connection: RedisConnection, subscriptions: Subscriptions, options: RevocationListOptions = {}) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
    this.#keepMs = options.keepMs ?? DEFAULT_KEEP_MS;
    this.#refreshMs = options.refreshMs ?? DEFAULT_REFRESH_MS;
  }

  /** Loads the list and follows it from now on. @throws ChatError UNAVAILABLE if it cannot be loaded: without it nobody may be let in */
  async start(): Promise<void> {
    await this.#refresh();
    this.#subscriptions.onReady(() => {
      // A Redis that came back may be another one, with a clock and ids of its own.
      this.#position = '-';
      this.#refreshLater();
    });
    await this.#subscriptions.subscribe(this.#connection.keys.revocationsChannel, () => this.#refreshLater());
    this.#timer = setInterval(() => this.#refreshLater(), this.#refreshMs).unref();
  }

  /** Returns once it is in the list; the other processes follow within milliseconds, and within 2 s if Pub/Sub lost the word. */
  async add(revocation: Revocation): Promise<void> {
    await this.#append([revocation]);
    this.#keep(revocation, Date.now());
    this.#announce();
  }

  isRevoked(token: { userId: string; tokenId?: string; issuedAt: number }): boolean {
    if (token.tokenId !== undefined && this.#tokens.has(token.tokenId)) return true;
    const kept = this.#users.get(token.userId);
    return kept !== undefined && token.issuedAt < kept.issuedBefore;
  }

  /** Calls back for every revocation as it is read; those of the last ten minutes again after a reconnect. */
  onRevocation(handler: (revocation: Revocation) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#refreshing?.catch(() => {
      // Whoever started it has reported it.
    });
  }

  /** Only a matter of speed: the others look at the list in any case. */
  #announce(): void {
    this.#connection
      .run((client) => client.spublish(this.#connection.keys.revocationsChannel, '1'))
      .catch((error: unknown) => this.#connection.log.warn({ error: String(error) }, 'a revocation was not announced'));
  }

  #refreshLater(): void {
    this.#refresh().catch((error: unknown) =>
      this.#connection.log.warn({ error: String(error) }, 'revocations were not refreshed; the copy decides'),
    );
  }

  /** One refresh at a time; calls during one share a further one, which sees what made them call. */
  #refresh(): Promise<void> {
    if (!this.#refreshing) return this.#startRefresh();
    this.#next ??= this.#refreshing.then(
      () => this.#startRefresh(),
      () => this.#startRefresh(),
    );
    return this.#next;
  }

  #startRefresh(): Promise<void> {
    this.#next = undefined;
    const refreshing = this.#readOn().finally(() => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined;
    });
    this.#refreshing = refreshing;
    return refreshing;
  }

  async #readOn(): Promise<void> {
    const key = this.#connection.keys.revocations;
    this.#dropOld();
    for (;;) {
      const entries = await this.#connection.run((client) => client.xrange(key, this.#position, '+', 'COUNT', PAGE));
      for (const [id, fields] of entries) this.#take(id, fields);
      if (entries.length < PAGE) break;
    }
    await this.#restoreIfLost();
  }

  #take(id: string, fields: string[]): void {
    this.#position = `(${id}`;
    const revocation = parse(fields[1]);
    if (!revocation) {
      this.#connection.log.warn({ id }, 'an entry of the revocation list is not readable');
      return;
    }
    const at = Number(id.split('-', 1)[0]);
    this.#keep(revocation, at);
    if (at < Date.now() - RECENT_MS) return;
    for (const handler of this.#handlers) handler(revocation);
  }

  #keep(revocation: Revocation, addedAt: number): void {
    const { userId, tokenId, issuedBefore } = revocation;
    if (tokenId !== undefined) this.#tokens.set(tokenId, { issuedBefore, addedAt });
    if (userId === undefined) return;
    const former = this.#users.get(userId)?.issuedBefore ?? 0;
    this.#users.set(userId, { issuedBefore: Math.max(former, issuedBefore), addedAt });
  }

  #dropOld(): void {
    const before = Date.now() - this.#keepMs;
    for (const copy of [this.#users, this.#tokens]) {
      for (const [id, kept] of copy) if (kept.addedAt < before) copy.delete(id);
    }
  }

  async #restoreIfLost(): Promise<void> {
    if (this.#users.size + this.#tokens.size === 0) return;
    if ((await this.#connection.run((client) => client.exists(this.#connection.keys.revocations))) === 1) return;
    const users = [...this.#users].map(([userId, { issuedBefore }]) => ({ userId, issuedBefore }));
    const tokens = [...this.#tokens].map(([tokenId, { issuedBefore }]) => ({ tokenId, issuedBefore }));
    await this.#append([...users, ...tokens]);
    this.#connection.log.warn(
      { revocations: users.length + tokens.length },
      'Redis had lost the revocations; put back',
    );
  }

  async #append(revocations: Revocation[]): Promise<void> {
    const oldest = Date.now() - this.#keepMs;
    const key = this.#connection.keys.revocations;
    await this.#connection.run((client) =>
      Promise.all(
        revocations.map((revocation) => client.xadd(key, 'MINID', '~', oldest, '*', 'r', JSON.stringify(revocation))),
      ),
    );
  }
}

function parse(text: string | undefined): Revocation | null {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (typeof value !== 'object' || value === null) return null;
    const { userId, tokenId, issuedBefore } = value as Record<string, unknown>;
    if (typeof issuedBefore !== 'number') return null;
    if (typeof userId !== 'string' && typeof tokenId !== 'string') return null;
    return {
      issuedBefore,
      ...(typeof userId === 'string' && { userId }),
      ...(typeof tokenId === 'string' && { tokenId }),
    };
  } catch {
    return null;
  }
}
