/** Events that a read should bring under load. Source: measured; with more, what a read itself costs is no longer seen in what a message costs. */
const EVENTS = 8;
/** Milliseconds of a pause at most: messages come later by half of it on average. Source: a fifth of what a message may take from sender to receiver. */
const LONGEST_MS = 30;
/** Milliseconds of a pause at least. Source: an inbox keeps 10,000 entries, and a read brings 500 of them. */
const SHORTEST_MS = 6;
/** Where the longest pause would bring fewer entries than this, each is worth a read of its own, at once. */
const WORTH_WAITING = 4;
/** Entries of several events are worth as many reads at once as they have events, up to this: what an api packed together shares a read anyway. */
const PACKED = 3;
/** Milliseconds over which rates are averaged: a few events that come together are not yet load. */
const WINDOW_MS = 100;

/**
 * Says how long a reader pauses after a read, so that under load each read brings several events: what it costs Redis and the reader is shared by
 * them, and gateways that share the load of one read together about as often as that one did. Few entries are read one by one, at once, and the more
 * events they have the more of them: what an api packed together shares a read anyway, and a pause would only make it later.
 */
export class ReadPace {
  readonly #now: () => number;
  #lastAt = Number.NEGATIVE_INFINITY;
  /** Events per millisecond, averaged. */
  #events = 0;
  /** The same of entries. */
  #entries = 0;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Notes a read.
   * @param entries that it brought
   * @param events that were in them; one at least for each
   * @returns milliseconds to wait before the next one; 0: none
   */
  after(entries: number, events: number): number {
    const now = this.#now();
    const elapsed = Math.max(1, now - this.#lastAt);
    this.#lastAt = now;
    const weight = 1 - Math.exp(-elapsed / WINDOW_MS);
    this.#entries += (entries / elapsed - this.#entries) * weight;
    this.#events += (events / elapsed - this.#events) * weight;
    const eventsOfOne = this.#entries > 0 ? this.#events / this.#entries : 1;
    if (this.#entries * LONGEST_MS < WORTH_WAITING * Math.min(PACKED, eventsOfOne)) return 0;
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, EVENTS / this.#events));
  }
}
