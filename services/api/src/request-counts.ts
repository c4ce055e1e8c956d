/** Counters that all processes share; see `RedisUseCounters`. */
export interface SharedCounts {
  add(
    uses: readonly { key: string; count: number }[],
    windowMs: number,
  ): Promise<readonly { count: number; leftMs: number }[]>;
}

export interface RequestCountsOptions {
  /** Requests that a key may make in one window. */
  limit: number;
  windowMs: number;
  /** Absent: this process counts for itself. */
  shared?: SharedCounts | undefined;
  /**
   * Whether few uses may stay with this process: those of a key are settled only once they are a hundredth of the limit. For keys of which there are
   * many and most are used little: each would be a key to write, ten times a second. Each process may then let that much more pass.
   */
  sparing?: boolean;
  onAway(error: unknown): void;
  /** Milliseconds, monotonic. */
  now?: () => number;
}

/** Milliseconds between two settlements with the other processes at most. */
const SETTLE_MS = 100;
/** Uses of one key after which it is settled at once, as a share of its limit: what a process may let pass of which the others do not know. */
const SETTLE_SHARE = 0.01;
/** Milliseconds without a further try after one that failed: each would first wait for a command to time out. */
const PAUSE_MS = 1_000;
/** Keys that are remembered. Source: 50,000 are about 10 MB; the one counted the longest goes first. */
const CAPACITY = 50_000;

interface Count {
  /** Uses in this window, of all processes as far as known. */
  known: number;
  /** Those of them that the others do not know of. */
  unsettled: number;
  endsAt: number;
}

/**
 * Counts requests by a key (an address, a user), over all processes: each process decides by what it knows without waiting, and settles with the others in
 * batches. A command to Redis for every request was a sixth of what a send cost. Without the others each process keeps the limit for itself.
 */
export class RequestCounts {
  readonly #options: Required<Omit<RequestCountsOptions, 'shared'>> & Pick<RequestCountsOptions, 'shared'>;
  readonly #settleAt: number;
  /** Uses below which a key is not settled. */
  readonly #least: number;
  readonly #counts = new Map<string, Count>();
  #timer: NodeJS.Timeout | undefined;
  #settling = false;
  #pausedUntil = 0;

  constructor(options: RequestCountsOptions) {
    this.#options = { now: () => performance.now(), sparing: false, ...options };
    this.#settleAt = Math.max(1, Math.floor(options.limit * SETTLE_SHARE));
    this.#least = options.sparing ? this.#settleAt : 1;
  }

  /** Counts uses of a key. @returns how many there are in this window, and the milliseconds until the next one */
  add(address: string, uses = 1): { current: number; ttl: number } {
    const now = this.#options.now();
    const count = this.#countOf(address, now);
    count.known += uses;
    count.unsettled += uses;
    if (this.#options.shared && count.unsettled >= this.#least) this.#settleSoon(count.unsettled >= this.#settleAt);
    return { current: count.known, ttl: Math.max(1, Math.ceil(count.endsAt - now)) };
  }

  /** Settles no more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#pausedUntil = Number.POSITIVE_INFINITY;
  }

  #countOf(address: string, now: number): Count {
    const kept = this.#counts.get(address);
    if (kept && kept.endsAt > now) return kept;
    const count: Count = { known: 0, unsettled: 0, endsAt: now + this.#options.windowMs };
    // Deleted first: the oldest windows come first then.
    this.#counts.delete(address);
    this.#counts.set(address, count);
    if (this.#counts.size > CAPACITY) this.#counts.delete(this.#counts.keys().next().value as string);
    return count;
  }

  #settleSoon(now: boolean): void {
    if (now && !this.#settling && this.#options.now() >= this.#pausedUntil) void this.#settle();
    else this.#timer ??= setTimeout(() => void this.#settle(), SETTLE_MS).unref();
  }

  async #settle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#settling || this.#options.now() < this.#pausedUntil) return;
    const due = [...this.#counts].filter(([, { unsettled }]) => unsettled >= this.#least);
    if (due.length === 0) return;
    this.#settling = true;
    const sent = due.map(([key, count]) => {
      const uses = { key, count: count.unsettled };
      count.unsettled = 0;
      return uses;
    });
    try {
      this.#learn(due, (await this.#options.shared?.add(sent, this.#options.windowMs)) ?? []);
    } catch (error) {
      // Not given back: what was counted before its answer was lost would count again with every try, and shut innocent people out.
      this.#pausedUntil = this.#options.now() + PAUSE_MS;
      this.#options.onAway(error);
    } finally {
      this.#settling = false;
    }
    // What came meanwhile.
    if (due.some(([, { unsettled }]) => unsettled >= this.#least)) this.#settleSoon(false);
  }

  #learn(due: readonly [string, Count][], answers: readonly { count: number; leftMs: number }[]): void {
    const now = this.#options.now();
    due.forEach(([, count], i) => {
      const answer = answers[i];
      if (!answer) return;
      count.known = answer.count + count.unsettled;
      count.endsAt = now + answer.leftMs;
    });
  }
}
