import type { UserQuota } from '@confab/chat';

interface Bucket {
  tokens: number;
  at: number;
}

/** Users whose events are remembered. Source: 50,000 buckets are 5 MB. */
const BUCKETS = 50_000;

/** What users have and do over all gateways of one process. */
export class MemoryUserCounts {
  /** user -> instance -> sockets */
  readonly sockets = new Map<string, Map<string, number>>();
  readonly buckets = new Map<string, Bucket>();
}

/** The quota of users, as one gateway of this process sees it. */
export class MemoryUserQuota implements UserQuota {
  readonly #counts: MemoryUserCounts;
  readonly #options: MemoryUserQuotaOptions;

  constructor(counts: MemoryUserCounts, options: MemoryUserQuotaOptions) {
    this.#counts = counts;
    this.#options = options;
  }

  async takeSockets(userId: string, count: number, limit: number): Promise<boolean> {
    const { instance, isLive } = this.#options;
    const held = this.#counts.sockets.get(userId) ?? new Map<string, number>();
    for (const other of held.keys()) if (!isLive(other)) held.delete(other);
    const own = held.get(instance()) ?? 0;
    const others = [...held.values()].reduce((sum, sockets) => sum + sockets, 0) - own;
    const fits = others + count <= limit;
    this.#write(userId, held, fits ? count : own);
    return fits;
  }

  async setSockets(counts: ReadonlyMap<string, number>): Promise<void> {
    for (const [userId, count] of counts) {
      this.#write(userId, this.#counts.sockets.get(userId) ?? new Map<string, number>(), count);
    }
  }

  async spendEvents(userId: string, events: number, rule: { perSecond: number; burst: number }): Promise<number> {
    const now = this.#options.now();
    const { buckets } = this.#counts;
    const { tokens, at } = buckets.get(userId) ?? { tokens: rule.burst, at: now };
    const left = Math.min(rule.burst, tokens + (Math.max(0, now - at) / 1_000) * rule.perSecond) - events;
    buckets.delete(userId);
    buckets.set(userId, { tokens: left, at: now });
    if (buckets.size > BUCKETS) buckets.delete(buckets.keys().next().value as string);
    return left >= 0 ? 0 : Math.ceil((-left / rule.perSecond) * 1_000);
  }

  #write(userId: string, held: Map<string, number>, count: number): void {
    if (count > 0) held.set(this.#options.instance(), count);
    else held.delete(this.#options.instance());
    if (held.size > 0) this.#counts.sockets.set(userId, held);
    else this.#counts.sockets.delete(userId);
  }
}

export interface MemoryUserQuotaOptions {
  now: () => number;
  instance: () => string;
  isLive: (instance: string) => boolean;
}
