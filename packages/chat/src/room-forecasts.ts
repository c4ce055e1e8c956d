import type { RateLimiter } from './ports/bus.ts';
import type { Clock } from './ports/environment.ts';

/** Milliseconds that an answer of the limiter says something of the next one. Source: who writes in a conversation writes again within that. */
const FRESH_MS = 10_000;
/** The part of the limit that must have been left. Source: the other half is for what the user does through other processes in these 10 s. */
const LEFT_OF_LIMIT = 0.5;
/** Windows of which something is remembered. Source: 20,000 of about 200 bytes are 4 MB. */
const CAPACITY = 20_000;

interface Room {
  /** Uses that fit, by the last answer. */
  left: number;
  /** When that came, milliseconds. */
  at: number;
  /** Uses of this process without an answer yet, which the last one may not have counted. */
  underWay: number;
  /** How often something was refused, or not answered. */
  refusals: number;
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
 * A refusal is never forecast, and after one nothing is, until the limiter has allowed what it was asked since: wrong forecasts are those that were under way when a refusal came, half of the
 * limit at most in each process.
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
    const room = this.#roomOf(key);
    const isFresh = this.#clock.now() - room.at < FRESH_MS;
    const isLikely = isFresh && room.left - room.underWay >= Math.max(1, rule.limit * LEFT_OF_LIMIT);
    return { taken: this.#learn(room, this.#limiter.take(key, rule, member)), isLikely };
  }

  #roomOf(key: string): Room {
    const known = this.#rooms.get(key);
    if (known) return known;
    const room = { left: 0, at: Number.NEGATIVE_INFINITY, underWay: 0, refusals: 0 };
    this.#rooms.set(key, room);
    if (this.#rooms.size > CAPACITY) this.#rooms.delete(this.#rooms.keys().next().value as string);
    return room;
  }

  async #learn(room: Room, taking: Promise<Taken>): Promise<Taken> {
    room.underWay += 1;
    const { refusals } = room;
    let taken: Taken | undefined;
    try {
      taken = await taking;
      return taken;
    } finally {
      room.underWay -= 1;
      if (!taken?.allowed) room.refusals += 1;
      // What was asked before a refusal and comes after it says nothing of the time since.
      const left = taken?.allowed && room.refusals === refusals ? taken.left : 0;
      [room.left, room.at] = [left, this.#clock.now()];
    }
  }
}
