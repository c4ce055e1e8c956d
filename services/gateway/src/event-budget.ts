/** A bucket of tokens: `perSecond` flow in, at most `burst` are kept. */
export class EventBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;
  #refused = 0;

  /** @param now milliseconds, monotonic or not */
  constructor(perSecond: number, burst: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /** Refusals since the last event that was within the budget. */
  get refusedInARow(): number {
    return this.#refused;
  }

  /** @returns false if there is nothing left */
  take(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) {
      this.#refused += 1;
      return false;
    }
    this.#tokens -= 1;
    this.#refused = 0;
    return true;
  }
}
