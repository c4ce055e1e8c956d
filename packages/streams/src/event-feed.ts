import type { EventFeed } from '@confab/chat';
import type { FeedEvent } from '@confab/contracts';
import { loadScript, type RedisConnection, runScript } from '@confab/redis';
import { DEFAULT_PARTITIONS, partitionOf } from './partition.ts';

/**
 * Entries that one partition of the feed keeps, about: what a consumer (push, webhooks, search) may be behind. Source: at 100 messages a
 * second over 4 partitions it is 13 minutes, in at most 30 MB per partition.
 */
export const DEFAULT_FEED_LENGTH = 20_000;

const appendEvents = loadScript(new URL('./lua/append-entries.lua', import.meta.url));

/** Events of one call of the script at most. Source: as batches of receipts. */
const EVENTS_AT_ONCE = 500;

/** An event that waits for the end of the turn. */
interface Waiting {
  text: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Appends to `events:{p}`, partitioned by conversation, so that one consumer sees a conversation in order. What is appended in one turn of
 * the event loop goes together, one command per partition.
 */
export class RedisEventFeed implements EventFeed {
  readonly #connection: RedisConnection;
  readonly #partitions: number;
  readonly #length: number;
  readonly #waiting = new Map<number, Waiting[]>();

  constructor(connection: RedisConnection, options: { partitions?: number; length?: number } = {}) {
    this.#connection = connection;
    this.#partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.#length = options.length ?? DEFAULT_FEED_LENGTH;
  }

  append(event: FeedEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) setImmediate(() => this.#appendWaiting());
      const partition = partitionOf(event.conversationId, this.#partitions);
      const waiting = this.#waiting.get(partition) ?? [];
      this.#waiting.set(partition, waiting);
      waiting.push({ text: JSON.stringify(event), resolve, reject });
    });
  }

  #appendWaiting(): void {
    for (const [partition, waiting] of this.#waiting) {
      for (let at = 0; at < waiting.length; at += EVENTS_AT_ONCE) {
        void this.#appendTo(partition, waiting.slice(at, at + EVENTS_AT_ONCE));
      }
    }
    this.#waiting.clear();
  }

  async #appendTo(partition: number, events: readonly Waiting[]): Promise<void> {
    try {
      const key = this.#connection.keys.events(partition);
      await runScript(this.#connection, appendEvents, [key], [this.#length, ...events.map(({ text }) => text)]);
      for (const { resolve } of events) resolve();
    } catch (error) {
      for (const { reject } of events) reject(error);
    }
  }
}
