/** What flows into a bucket, and how much it holds. One object for all buckets of a kind. */
export interface BudgetRule {
  perSecond: number;
  burst: number;
  /** Milliseconds, monotonic or not. */
  now(): number;
}

/** A bucket of tokens: `perSecond` flow in, at most `burst` are kept. */
export class EventBudget {
  readonly #rule: BudgetRule;
  #tokens: number;
  #at: number;
  #refused = 0;

  constructor(rule: BudgetRule) {
    this.#rule = rule;
    this.#tokens = rule.burst;
    this.#at = rule.now();
  }

  /** Refusals since the last event that was within the budget. */
  get refusedInARow(): number {
    return this.#refused;
  }

  /** @returns false if there is nothing left */
  take(): boolean {
    const { perSecond, burst, now } = this.#rule;
    const at = now();
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, at - this.#at) / 1_000) * perSecond);
    this.#at = at;
    if (this.#tokens < 1) {
      this.#refused += 1;
      return false;
    }
    this.#tokens -= 1;
    this.#refused = 0;
    return true;
  }
}
