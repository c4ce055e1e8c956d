import type { RawEntry } from './entry-codec.ts';

/** What one command should bring at most, in characters. Source: 4 MB take a tenth of the time that a read has, also with other work. */
const READ_SIZE = 4_000_000;
/** Entries of each partition that the first read asks for. Source: the largest receipts have 42 kB; 64 of 4 partitions are 11 MB. */
const FIRST_COUNT = 64;
/**
 * Source: 500 small receipts of 4 partitions are 0.7 MB, and cost a tenth less than 250. Where the longest ones follow small ones in the middle of a
 * backlog, a single read brings 84 MB.
 */
const MOST_COUNT = 500;

/**
 * How many entries of each partition a command asks for: Redis counts entries, and a receipt has 300 characters or, of a group of a thousand,
 * 42,000. Follows what came, so that a reply fits into its time and into memory.
 */
export class ReadSize {
  #count = FIRST_COUNT;

  get count(): number {
    return this.#count;
  }

  /** @param full as much came as was asked for */
  came(size: number, full: boolean): void {
    if (size > READ_SIZE) this.#count = Math.max(1, Math.floor((this.#count * READ_SIZE) / size));
    else if (full && size * 2 <= READ_SIZE) this.#count = Math.min(MOST_COUNT, this.#count * 2);
  }

  /** Runs a command that asks for as many. */
  async watch<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (error) {
      this.failed();
      throw error;
    }
  }

  /** There was no answer in time: perhaps it was too long. */
  failed(): void {
    this.#count = Math.max(1, Math.floor(this.#count / 2));
  }
}

/** Characters of entries. */
export function sizeOf(entries: readonly RawEntry[]): number {
  let size = 0;
  for (const [, fields] of entries) for (const field of fields ?? []) size += field.length;
  return size;
}
