import type { Clock } from './ports/environment.ts';
import type { MessageRepository, UnreadRange } from './ports/repositories.ts';

/**
 * Milliseconds that a count is served from memory. Source: nothing that is counted changes while the conversation's counters stand, but counters that a
 * failover took back may come to the same numbers again with other messages: then a count is wrong for a minute at most.
 */
const FRESH_MS = 60_000;
/** Counts kept. Source: 50,000 of about 150 bytes are 8 MB; a hundred users with 500 unread conversations each, or five thousand with ten. */
const CAPACITY = 50_000;

/** What was counted, and at which counters. */
interface Counted extends Omit<UnreadRange, 'conversationId'> {
  /** Absent while it was asked for once only. */
  count?: number | undefined;
  until: number;
}

/**
 * Messages whose unread ones are counted once as long as the conversation's counters and the reader's position stay the same. A count is kept from
 * the second time on that it is asked for, and only where every seq of its range had a row before it was counted: then no message that is on
 * its way can change it, and what else may (a deletion) moves `changeSeq`.
 */
export function rememberingUnread(inner: MessageRepository, clock: Clock): MessageRepository {
  const memory = new UnreadMemory(clock);
  return {
    ...inner,
    async countUnread(userId, ranges) {
      const { counts, missing, askedBefore } = memory.lookUp(userId, ranges);
      if (missing.length === 0) return counts;
      const dense = await denseAmong(inner, askedBefore);
      const counted = await inner.countUnread(userId, missing);
      for (const [conversationId, count] of counted) counts.set(conversationId, count);
      memory.keep(
        userId,
        missing.map((range) => [range, dense.has(range) ? (counted.get(range.conversationId) ?? 0) : undefined]),
      );
      return counts;
    },
  };
}

/** Those of the ranges in which each seq up to the conversation's newest has a row. */
async function denseAmong(inner: MessageRepository, ranges: readonly UnreadRange[]): Promise<Set<UnreadRange>> {
  if (ranges.length === 0) return new Set();
  const rows = await inner.countRows(
    ranges.map(({ conversationId, aboveSeq, seq }) => ({ conversationId, fromSeq: aboveSeq, toSeq: seq })),
  );
  return new Set(ranges.filter(({ conversationId, aboveSeq, seq }) => rows.get(conversationId) === seq - aboveSeq));
}

class UnreadMemory {
  readonly #clock: Clock;
  /** By user and conversation, whoever asked last at the end. */
  readonly #users = new Map<string, Map<string, Counted>>();
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the counts that are known and not 0, and the ranges of which none is known, with those among them that were asked for before */
  lookUp(userId: string, ranges: readonly UnreadRange[]) {
    const known = this.#users.get(userId);
    const now = this.#clock.now();
    const counts = new Map<string, number>();
    const missing: UnreadRange[] = [];
    const askedBefore: UnreadRange[] = [];
    for (const range of ranges) {
      const counted = known?.get(range.conversationId);
      const isSame = counted !== undefined && isOf(counted, range);
      if (isSame && counted.count !== undefined && counted.until > now) {
        if (counted.count > 0) counts.set(range.conversationId, counted.count);
        continue;
      }
      missing.push(range);
      if (isSame) askedBefore.push(range);
    }
    return { counts, missing, askedBefore };
  }

  keep(userId: string, counted: readonly (readonly [range: UnreadRange, count: number | undefined])[]): void {
    const known = this.#users.get(userId) ?? new Map<string, Counted>();
    const until = this.#clock.now() + FRESH_MS;
    const before = known.size;
    for (const [{ conversationId, aboveSeq, seq, changeSeq }, count] of counted)
      known.set(conversationId, { aboveSeq, seq, changeSeq, count, until });
    this.#size += known.size - before;
    this.#users.delete(userId);
    this.#users.set(userId, known);
    while (this.#size > CAPACITY) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [[userId, known] = []] = this.#users;
    if (userId === undefined || known === undefined) return;
    this.#users.delete(userId);
    this.#size -= known.size;
  }
}

const isOf = (counted: Counted, { aboveSeq, seq, changeSeq }: UnreadRange): boolean =>
  counted.aboveSeq === aboveSeq && counted.seq === seq && counted.changeSeq === changeSeq;
