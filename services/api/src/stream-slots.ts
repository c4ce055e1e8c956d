import { ChatError } from '@confab/contracts';

export interface StreamSlotsOptions {
  /** Streams at the same time in this process. */
  total: number;
  /** Those of one owner among them. */
  each: number;
}

/**
 * Counts what streams: it takes as long as its other side likes, and so has a bound of its own, in which each owner has a part. It costs a connection, a
 * file and a chunk in memory, and next to no work, for as long as it lasts.
 */
export class StreamSlots {
  readonly #options: StreamSlotsOptions;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(options: StreamSlotsOptions) {
    this.#options = options;
  }

  /** @returns gives the slot back, once @throws ChatError OVERLOADED if there is none for this owner */
  take(owner: string): () => void {
    const own = this.#taken.get(owner) ?? 0;
    if (this.#total >= this.#options.total || own >= this.#options.each)
      throw new ChatError('OVERLOADED', { retryAfter: 1 });
    this.#total++;
    this.#taken.set(owner, own + 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#giveBack(owner);
      isTaken = false;
    };
  }

  #giveBack(owner: string): void {
    this.#total--;
    const left = (this.#taken.get(owner) ?? 0) - 1;
    if (left > 0) this.#taken.set(owner, left);
    else this.#taken.delete(owner);
  }
}
