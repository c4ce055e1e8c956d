import type { EventFeed } from '@confab/chat';
import type { FeedEvent } from '@confab/contracts';
import type { RedisConnection } from '@confab/redis';
import { DEFAULT_PARTITIONS, partitionOf } from './partition.ts';

/** Entries that one partition of the feed keeps, about: what a consumer (push, webhooks, search) may be behind. */
export const DEFAULT_FEED_LENGTH = 100_000;

/** Appends to `events:{p}`, partitioned by conversation, so that one consumer sees a conversation in order. */
export class RedisEventFeed implements EventFeed {
  readonly #connection: RedisConnection;
  readonly #partitions: number;
  readonly #length: number;

  constructor(connection: RedisConnection, options: { partitions?: number; length?: number } = {}) {
    this.#connection = connection;
    this.#partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.#length = options.length ?? DEFAULT_FEED_LENGTH;
  }

  async append(event: FeedEvent): Promise<void> {
    const key = this.#connection.keys.events(partitionOf(event.conversationId, this.#partitions));
    await this.#connection.run((client) =>
      client.xadd(key, 'MAXLEN', '~', this.#length, '*', 'e', JSON.stringify(event)),
    );
  }
}
