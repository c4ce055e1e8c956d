import type { ReceiptLog } from '@confab/chat';
import type { ReceiptEvent } from '@confab/contracts';
import { loadScript, type RedisConnection, runScript } from '@confab/redis';
import { DEFAULT_PARTITIONS, partitionOf } from './partition.ts';

/**
 * Entries that one partition keeps. Far above what is ever unread in normal operation: at 2,000 receipts a second over 4 partitions it
 * covers 200 s without any worker, in about 40 MB per partition. Beyond that the oldest go, rather than filling Redis; what
 * they said is made good by the next receipt of the conversation, since watermarks only rise.
 */
export const DEFAULT_RECEIPTS_LENGTH = 100_000;

const appendReceipts = loadScript(new URL('./lua/append-entries.lua', import.meta.url));

export interface ReceiptLogOptions {
  partitions?: number;
  length?: number;
}

/** Appends receipts to `receipts:{p}`, partitioned by conversation (presence: by user). */
export class RedisReceiptLog implements ReceiptLog {
  readonly #connection: RedisConnection;
  readonly #partitions: number;
  readonly #length: number;

  constructor(connection: RedisConnection, options: ReceiptLogOptions = {}) {
    this.#connection = connection;
    this.#partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.#length = options.length ?? DEFAULT_RECEIPTS_LENGTH;
  }

  /** @throws ChatError UNAVAILABLE if not all of them were taken in time; those that were may come twice after a retry */
  async append(events: ReceiptEvent[]): Promise<void> {
    if (events.length === 0) return;
    // One command per partition: a command of its own for every receipt was a third of what a pushed message cost a gateway.
    const partitions = Map.groupBy(events, (event) => this.#partitionOf(event));
    await Promise.all(
      [...partitions].map(([partition, ofPartition]) => {
        const receipts = ofPartition.map((event) => JSON.stringify(event));
        return runScript(
          this.#connection,
          appendReceipts,
          [this.#connection.keys.receipts(partition)],
          [this.#length, ...receipts],
        );
      }),
    );
  }

  #partitionOf(event: ReceiptEvent): number {
    return partitionOf(event.type === 'presence' ? event.userId : event.conversationId, this.#partitions);
  }
}
