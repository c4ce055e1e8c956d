import type { RateLimiter } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { MemoryRateLimiter } from '@confab/memory';
import type { RedisConnection } from './connection.ts';
import { loadScript, runScript } from './script.ts';

const takeFromWindow = loadScript(new URL('./lua/take-from-window.lua', import.meta.url));

/** After a failure Redis is left alone for so long: else every send would first wait for a command to time out. */
const PAUSE_AFTER_FAILURE_MS = 1_000;

/**
 * Exact sliding windows in Redis, one for all processes. While Redis is away each process counts for itself, so that sends go on; a user
 * then has the limit once per process.
 */
export class RedisRateLimiter implements RateLimiter {
  readonly #connection: RedisConnection;
  readonly #fallback: MemoryRateLimiter;
  readonly #now: () => number;
  #awayUntil = 0;
  #away = false;

  constructor(connection: RedisConnection, now: () => number = Date.now) {
    this.#connection = connection;
    this.#now = now;
    this.#fallback = new MemoryRateLimiter(now);
  }

  async take(key: string, rule: { limit: number; windowMs: number }, member: string) {
    if (this.#now() < this.#awayUntil) return this.#fallback.take(key, rule, member);
    try {
      const waitMs = await this.#takeShared(key, rule, member);
      this.#onAnswer();
      return waitMs === 0
        ? ({ allowed: true } as const)
        : ({ allowed: false, retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) } as const);
    } catch (error) {
      this.#onFailure(error);
      return this.#fallback.take(key, rule, member);
    }
  }

  async giveBack(key: string, member: string): Promise<void> {
    await this.#fallback.giveBack(key, member);
    if (this.#now() < this.#awayUntil) return;
    try {
      await this.#connection.run((client) => client.zrem(this.#connection.keys.rateWindow(key), member));
    } catch (error) {
      // The use stays counted until it leaves the window: the caller waits longer than needed, which is the safe side.
      this.#onFailure(error);
    }
  }

  async #takeShared(key: string, rule: { limit: number; windowMs: number }, member: string): Promise<number> {
    const keys = [this.#connection.keys.rateWindow(key)];
    return Number(await runScript(this.#connection, takeFromWindow, keys, [rule.limit, rule.windowMs, member]));
  }

  #onAnswer(): void {
    if (this.#away) this.#connection.log.info({}, 'rate limits are shared again');
    this.#away = false;
  }

  #onFailure(error: unknown): void {
    if (!(error instanceof ChatError)) throw error;
    this.#awayUntil = this.#now() + PAUSE_AFTER_FAILURE_MS;
    if (!this.#away) this.#connection.log.warn({}, 'rate limits are counted per process while Redis is away');
    this.#away = true;
  }
}
