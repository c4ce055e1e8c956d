/**
 * Hands values from producers to consumers one by one: a producer waits until its value is taken, so nothing piles up in between. Ends
 * for all with `close`.
 */
export class Handoff<T> {
  readonly #offers: { value: T; taken: () => void }[] = [];
  readonly #takers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #closed = false;

  /** Resolves when a consumer has taken the value, or when it is closed: then nobody has. */
  offer(value: T): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const taker = this.#takers.shift();
    if (taker) {
      taker({ done: false, value });
      return Promise.resolve();
    }
    return new Promise((taken) => this.#offers.push({ value, taken }));
  }

  take(): Promise<IteratorResult<T, undefined>> {
    const offer = this.#offers.shift();
    if (offer) {
      offer.taken();
      return Promise.resolve({ done: false, value: offer.value });
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  close(): void {
    this.#closed = true;
    for (const offer of this.#offers.splice(0)) offer.taken();
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
  }
}
