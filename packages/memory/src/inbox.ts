import type { InboxBatch, InboxEntry, InboxReader } from '@confab/chat';
import type { Wakeup } from './wakeup.ts';

/** Entries of one batch at most. */
const BATCH = 500;

/** The inbox of one instance: bounded, the oldest entries go first. Positions are dense, so what went is seen as a gap. */
export class MemoryInbox {
  readonly #length: number;
  readonly #wakeup: Wakeup;
  #entries: InboxEntry[] = [];
  #lastPosition = 0;

  /** @param wakeup is called for each entry */
  constructor(length: number, wakeup: Wakeup) {
    this.#length = length;
    this.#wakeup = wakeup;
  }

  append(entry: Omit<InboxEntry, 'position'>): void {
    this.#entries.push({ ...entry, position: ++this.#lastPosition });
    this.trim(this.#length);
    this.#wakeup.wake();
  }

  /** Keeps the newest `length` entries. */
  trim(length: number): void {
    if (this.#entries.length > length) this.#entries = this.#entries.slice(this.#entries.length - length);
  }

  /** Takes the entries above the position out. */
  takeAfter(position: number): InboxEntry[] {
    const taken = this.#entries.splice(0, BATCH);
    return taken.filter((entry) => entry.position > position);
  }
}

/** Follows the inbox of whatever instance the gateway is now. */
export class MemoryInboxReader implements InboxReader {
  readonly #current: () => { instance: string; inbox: MemoryInbox | undefined };
  readonly #wakeup: Wakeup;
  #instance = '';
  #last = 0;
  #closed = false;

  constructor(current: () => { instance: string; inbox: MemoryInbox | undefined }, wakeup: Wakeup) {
    this.#current = current;
    this.#wakeup = wakeup;
  }

  /** There is no connection that could be silent. */
  idleMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeup.wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<InboxBatch> {
    while (!this.#closed) {
      const arrival = this.#wakeup.next();
      const batch = this.#take();
      if (batch) yield batch;
      else await arrival;
    }
  }

  #take(): InboxBatch | null {
    const { instance, inbox } = this.#current();
    if (instance !== this.#instance) {
      this.#instance = instance;
      this.#last = 0;
    }
    const entries = inbox?.takeAfter(this.#last) ?? [];
    const first = entries[0];
    if (!first) return null;
    const gap = first.position !== this.#last + 1;
    this.#last = entries.at(-1)?.position ?? this.#last;
    return { entries, gap };
  }
}
