import type { Log, UserQuota } from '@confab/chat';
import { EventBudget } from './event-budget.ts';

/** Events between two reports, as a share of what flows in per second. Source: a node goes over the limit by half a second's worth at most. */
const REPORT_SHARE = 0.5;

export interface UserBudgetOptions {
  userId: string;
  /** Of the user, over all gateways. */
  perSecond: number;
  burst: number;
  quota: Pick<UserQuota, 'spendEvents'>;
  /** Called when a report did not get through. */
  onAway(error: unknown): void;
  /** Milliseconds, monotonic. */
  now: () => number;
}

/**
 * What a user may do over all gateways. Each gateway decides by itself, without waiting, and reports what was spent; if the user spent
 * more elsewhere too, it refuses until the debt is paid. While the bus is away each gateway keeps the limit for itself.
 */
export class UserBudget {
  readonly #options: UserBudgetOptions;
  readonly #local: EventBudget;
  readonly #reportAt: number;
  #unreported = 0;
  #reporting = false;
  #refusedUntil = 0;

  constructor(options: UserBudgetOptions) {
    const { perSecond, burst, now } = options;
    this.#options = options;
    this.#local = new EventBudget({ perSecond, burst, now });
    this.#reportAt = Math.max(1, Math.floor(perSecond * REPORT_SHARE));
  }

  /** @returns false if the user has had enough, here or elsewhere */
  take(): boolean {
    if (this.#options.now() < this.#refusedUntil || !this.#local.take()) return false;
    this.#unreported += 1;
    if (this.#unreported >= this.#reportAt && !this.#reporting) void this.#report();
    return true;
  }

  async #report(): Promise<void> {
    const { userId, perSecond, burst, quota, onAway, now } = this.#options;
    const events = this.#unreported;
    this.#unreported = 0;
    this.#reporting = true;
    try {
      const waitMs = await quota.spendEvents(userId, events, { perSecond, burst });
      this.#refusedUntil = now() + waitMs;
    } catch (error) {
      onAway(error);
    } finally {
      this.#reporting = false;
    }
  }
}

/** Says once that the bus is away, and again only after `quietMs`. */
export function quietly(log: Log, now: () => number, quietMs = 60_000): (error: unknown) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (now() - saidAt < quietMs) return;
    saidAt = now();
    log.warn({ err: error }, 'events of users are counted per gateway while the bus is away');
  };
}
