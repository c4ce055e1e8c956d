import { gather, type RateLimiter } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { MemoryRateLimiter } from '@confab/memory';
import type { RedisConnection } from './connection.ts';
import { loadScript, runScript, scriptGroups } from './script.ts';

const takeFromWindows = loadScript(new URL('./lua/take-from-windows.lua', import.meta.url));

/** A use that is to be counted. */
interface Use {
  key: string;
  rule: { limit: number; windowMs: number };
  member: string;
}

/** Uses counted by one call at most. */
const USES_AT_ONCE = 250;

/** After a failure Redis is left alone for so long: else every send would first wait for a command to time out. */
const PAUSE_AFTER_FAILURE_MS = 1_000;

/**
 * Exact sliding windows in Redis, one for all processes; what is taken in one turn of the event loop is counted by one command. While Redis is away each process counts for itself, so that sends go on; a user
 * then has the limit once per process.
 */
export class RedisRateLimiter implements RateLimiter {
  readonly #connection: RedisConnection;
  readonly #fallback: MemoryRateLimiter;
  readonly #now: () => number;
  /** @returns what the script says, see there */
  readonly #takeShared = gather<Use, number>({
    size: USES_AT_ONCE,
    atOnce: Number.POSITIVE_INFINITY,
    patienceMs: 0,
    run: (uses) => this.#takeAll(uses),
  });
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
      const answer = await this.#takeShared({ key, rule, member });
      this.#onAnswer();
      return takenBy(answer);
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

  async #takeAll(uses: readonly Use[]): Promise<PromiseSettledResult<number>[]> {
    const outcomes = await Promise.all(scriptGroups(this.#connection, uses).map((group) => this.#takeGroup(group)));
    return outcomes.flat();
  }

  async #takeGroup(uses: readonly Use[]): Promise<PromiseSettledResult<number>[]> {
    try {
      const keys = uses.map(({ key }) => this.#connection.keys.rateWindow(key));
      const args = uses.flatMap(({ rule, member }) => [rule.limit, rule.windowMs, member]);
      const answers = (await runScript(this.#connection, takeFromWindows, keys, args)) as number[];
      return answers.map((answer) => ({ status: 'fulfilled', value: Number(answer) }));
    } catch (reason) {
      return uses.map(() => ({ status: 'rejected', reason }));
    }
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

function takenBy(answer: number) {
  if (answer >= 0) return { allowed: false, retryAfter: Math.max(1, Math.ceil(answer / 1_000)) } as const;
  const left = Math.floor((-1 - answer) / 2);
  return answer % 2 === 0
    ? ({ allowed: true, left, countedBefore: true } as const)
    : ({ allowed: true, left } as const);
}
