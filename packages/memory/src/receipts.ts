import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadLetter, DeadLetterBox, ReceiptConsumer, ReceiptLog, ReceivedReceipt } from '@confab/chat';
import type { ReceiptEvent } from '@confab/contracts';
import { Wakeup } from './wakeup.ts';

interface Entry {
  id: string;
  event: ReceiptEvent;
  deliveries: number;
  /** When it was last given to a consumer. */
  givenAt: number;
}

export interface MemoryReceiptsOptions {
  now: () => number;
  /** Unread entries that are kept; beyond it the oldest go, as in Redis. */
  length: number;
}

const BATCH = 200;
const DEFAULT_CLAIM_IDLE_MS = 10_000;
const DEAD_LETTERS_LENGTH = 10_000;

/** The receipts log of one process: at least once, with redelivery of what was not acknowledged in time. One partition. */
export class MemoryReceipts implements ReceiptLog, DeadLetterBox {
  readonly #options: MemoryReceiptsOptions;
  readonly #arrival = new Wakeup();
  readonly #pending = new Map<string, Entry>();
  #unread: Entry[] = [];
  #deadLetters: DeadLetter[] = [];
  #lastId = 0;

  constructor(options: MemoryReceiptsOptions) {
    this.#options = options;
  }

  async append(events: ReceiptEvent[]): Promise<void> {
    for (const event of events) this.#unread.push({ id: String(++this.#lastId), event, deliveries: 0, givenAt: 0 });
    const excess = this.#unread.length - this.#options.length;
    if (excess > 0) this.#unread = this.#unread.slice(excess);
    this.#arrival.wake();
  }

  async list(limit = 100): Promise<DeadLetter[]> {
    return this.#deadLetters.slice(0, limit);
  }

  async count(): Promise<number> {
    return this.#deadLetters.length;
  }

  async replay({ id }: Pick<DeadLetter, 'id'>): Promise<boolean> {
    const letter = this.#deadLetters.find((candidate) => candidate.id === id);
    if (!letter) return false;
    await this.append([JSON.parse(letter.fields.e ?? '') as ReceiptEvent]);
    return this.drop(letter);
  }

  async drop({ id }: Pick<DeadLetter, 'id'>): Promise<boolean> {
    const before = this.#deadLetters.length;
    this.#deadLetters = this.#deadLetters.filter((letter) => letter.id !== id);
    return this.#deadLetters.length < before;
  }

  backlog(): { pending: number; unread: number } {
    return { pending: this.#pending.size, unread: this.#unread.length };
  }

  /** Resolves when new entries have come. Take it before looking for them. */
  get arrival(): Promise<void> {
    return this.#arrival.next();
  }

  wake(): void {
    this.#arrival.wake();
  }

  /** Entries that nobody acknowledged within `claimIdleMs`, else new ones. */
  give(claimIdleMs: number): ReceivedReceipt[] {
    const now = this.#options.now();
    const stale = [...this.#pending.values()].filter((entry) => entry.givenAt + claimIdleMs <= now).slice(0, BATCH);
    const given = stale.length > 0 ? stale : this.#unread.splice(0, BATCH);
    return given.map((entry) => {
      entry.deliveries++;
      entry.givenAt = now;
      this.#pending.set(entry.id, entry);
      return { partition: 0, entryId: entry.id, event: entry.event, deliveries: entry.deliveries };
    });
  }

  acknowledge(entries: ReceivedReceipt[]): void {
    for (const { entryId } of entries) this.#pending.delete(entryId);
  }

  setAside({ entryId }: ReceivedReceipt, reason: string): void {
    const entry = this.#pending.get(entryId);
    if (!entry) return;
    this.#pending.delete(entryId);
    const fields = { e: JSON.stringify(entry.event) };
    this.#deadLetters.push({
      id: entryId,
      partition: 0,
      reason: reason.slice(0, 500),
      fields,
      at: this.#options.now(),
    });
    if (this.#deadLetters.length > DEAD_LETTERS_LENGTH) this.#deadLetters.shift();
  }
}

/** One worker's view of the log. */
export class MemoryReceiptConsumer implements ReceiptConsumer {
  readonly #log: MemoryReceipts;
  readonly #claimIdleMs: number;
  readonly #stop = new AbortController();

  constructor(log: MemoryReceipts, claimIdleMs = DEFAULT_CLAIM_IDLE_MS) {
    this.#log = log;
    this.#claimIdleMs = claimIdleMs;
  }

  async *batches(): AsyncGenerator<ReceivedReceipt[]> {
    while (!this.#stop.signal.aborted) {
      const arrival = this.#log.arrival;
      const batch = this.#log.give(this.#claimIdleMs);
      if (batch.length > 0) yield batch;
      else await this.#waitFor(arrival);
    }
  }

  async acknowledge(entries: ReceivedReceipt[]): Promise<void> {
    this.#log.acknowledge(entries);
  }

  async deadLetter(entry: ReceivedReceipt, reason: string): Promise<void> {
    this.#log.setAside(entry, reason);
  }

  async backlog(): Promise<{ pending: number; unread: number }> {
    return this.#log.backlog();
  }

  idleMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#log.wake();
  }

  /** Until something arrives, or it is time to look for entries that nobody acknowledged. */
  async #waitFor(arrival: Promise<void>): Promise<void> {
    const done = new AbortController();
    const look = sleep(Math.min(1_000, this.#claimIdleMs / 2), undefined, { signal: done.signal }).catch(() => {
      // Something arrived first.
    });
    await Promise.race([arrival, look]);
    done.abort();
  }
}
