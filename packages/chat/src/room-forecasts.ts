import type { RateLimiter } from './ports/bus.ts';
import type { Clock } from './ports/environment.ts';

/** Milliseconds that an answer of the limiter says something of the next one. Source: who writes in a conversation writes again within that. */
const FRESH_MS = 10_000;
/** The part of the limit that must have been left. Source: the other half is for what the user does through other processes in these 10 s. */
const LEFT_OF_LIMIT = 0.5;
/** Windows of which something is remembered. Source: 20,000 of about 200 bytes are 4 MB. */
const CAPACITY = 20_000;

interface Room {
  /** Uses that fit after those of this process. */
  left: number;
  /** When the limiter said so, milliseconds. */
  at: number;
}

export type Taken = Awaited<ReturnType<RateLimiter['take']>>;

/** A use on its way to the limiter. */
export interface Taking {
  /** What the limiter says. @throws what `take` throws */
  taken: Promise<Taken>;
  /** It will be allowed, unless the user has done a lot through other processes just now. */
  isLikely: boolean;
}

/**
 * Forecasts of what a limiter will say, from what it said of the same window shortly before: what comes after it need not wait for it where that can be taken back.
 * A refusal is never forecast, and after one nothing is, until the limiter has allowed again: a user who is over the limit meets a wrong forecast once per process.
 */
export class RoomForecasts {
  readonly #limiter: RateLimiter;
  readonly #clock: Clock;
  readonly #rooms = new Map<string, Room>();

  constructor(limiter: RateLimiter, clock: Clock) {
    this.#limiter = limiter;
    this.#clock = clock;
  }

  /** Counts a use, as `RateLimiter.take`. */
  take(key: string, rule: { limit: number; windowMs: number }, member: string): Taking {
    const room = this.#rooms.get(key);
    const isFresh = room !== undefined && this.#clock.now() - room.at < FRESH_MS;
    const isLikely = isFresh && room.left >= Math.max(1, rule.limit * LEFT_OF_LIMIT);
    // Those under way count as taken: they may all come before the next answer.
    if (room) room.left -= 1;
    return { taken: this.#learn(key, this.#limiter.take(key, rule, member)), isLikely };
  }

  async #learn(key: string, taking: Promise<Taken>): Promise<Taken> {
    try {
      const taken = await taking;
      this.#note(key, taken);
      return taken;
    } catch (error) {
      this.#rooms.delete(key);
      throw error;
    }
  }

  #note(key: string, taken: Taken): void {
    if (!taken.allowed) {
      this.#rooms.delete(key);
      return;
    }
    const room = this.#rooms.get(key);
    const at = this.#clock.now();
    if (room) {
      [room.left, room.at] = [taken.left, at];
      return;
    }
    this.#rooms.set(key, { left: taken.left, at });
    if (this.#rooms.size > CAPACITY) this.#rooms.delete(this.#rooms.keys().next().value as string);
  }
}
