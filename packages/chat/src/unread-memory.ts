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
  /** Each seq of the range had a row. Rows never go, so it stays dense. */
  isDense: boolean;
  /** Absent where that is not known. */
  count?: number | undefined;
  until: number;
}

/**
 * Messages whose unread ones are counted once as long as the conversation's counters and the reader's position stay the same. A count is kept only
 * where every seq of its range had a row before it was counted: then no message that is on its way can change it, and what else may (a deletion) moves
 * `changeSeq`. Whether they have is looked up when a count is asked for the second time: after a message that is once, and not in busy conversations.
 */
export function rememberingUnread(inner: MessageRepository, clock: Clock): MessageRepository {
  const memory = new UnreadMemory(clock);
  return {
    ...inner,
    async countUnread(userId, ranges) {
      const { counts, missing, dense, askedBefore } = memory.lookUp(userId, ranges);
      if (missing.length === 0) return counts;
      for (const range of await denseAmong(inner, askedBefore)) dense.add(range);
      const counted = await inner.countUnread(userId, missing);
      for (const [conversationId, count] of counted) counts.set(conversationId, count);
      memory.keep(userId, missing, dense, counted);
      return counts;
    },
  };
}

/** Those of the ranges in which each seq up to the conversation's newest has a row. */
async function denseAmong(inner: MessageRepository, ranges: readonly UnreadRange[]): Promise<UnreadRange[]> {
  if (ranges.length === 0) return [];
  const rows = await inner.countRows(
    ranges.map(({ conversationId, aboveSeq, seq }) => ({ conversationId, fromSeq: aboveSeq, toSeq: seq })),
  );
  return ranges.filter(({ conversationId, aboveSeq, seq }) => rows.get(conversationId) === seq - aboveSeq);
}

class UnreadMemory {
  readonly #clock: Clock;
  /** By user and conversation; for whom messages were counted last, which in use is once a minute at least, stands at the end. */
  readonly #users = new Map<string, Map<string, Counted>>();
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @returns the counts that are known and not 0, and the ranges of which none is known: those among them that are dense, and those of which that is open
   *   and that were asked for before
   */
  lookUp(userId: string, ranges: readonly UnreadRange[]) {
    const known = this.#users.get(userId);
    const now = this.#clock.now();
    const counts = new Map<string, number>();
    const missing: UnreadRange[] = [];
    const dense = new Set<UnreadRange>();
    const askedBefore: UnreadRange[] = [];
    for (const range of ranges) {
      const counted = known?.get(range.conversationId);
      const isSame = counted !== undefined && isOf(counted, range);
      if (isSame && counted.count !== undefined && counted.until > now) {
        if (counted.count > 0) counts.set(range.conversationId, counted.count);
        continue;
      }
      missing.push(range);
      if (counted && isDenseIn(counted, range)) dense.add(range);
      else if (isSame) askedBefore.push(range);
    }
    return { counts, missing, dense, askedBefore };
  }

  keep(
    userId: string,
    ranges: readonly UnreadRange[],
    dense: ReadonlySet<UnreadRange>,
    counts: ReadonlyMap<string, number>,
  ): void {
    const known = this.#users.get(userId) ?? new Map<string, Counted>();
    const until = this.#clock.now() + FRESH_MS;
    this.#size -= known.size;
    for (const range of ranges) {
      const { conversationId, ...at } = range;
      const isDense = dense.has(range);
      known.set(conversationId, { ...at, until, isDense, ...(isDense && { count: counts.get(conversationId) ?? 0 }) });
    }
    this.#size += known.size;
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

/** Whether what is known of one range says that the other is dense. */
const isDenseIn = (counted: Counted, { aboveSeq, seq }: UnreadRange): boolean =>
  counted.isDense && counted.seq === seq && counted.aboveSeq <= aboveSeq;
