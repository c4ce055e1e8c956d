import { DEFAULT_FEED_LENGTH } from './event-feed.ts';
import { DEFAULT_INBOX_LENGTH } from './event-publisher.ts';
import { DEFAULT_PARTITIONS } from './partition.ts';
import { DEAD_LETTERS_LENGTH } from './receipt-consumer.ts';
import { DEFAULT_RECEIPTS_LENGTH } from './receipt-log.ts';

/**
 * Bytes of Redis' memory per entry. Source: MEMORY USAGE of 5,000 entries each in Redis 7.0, with ids of users of 41 characters: a
 * receipt of one recipient 399, an event of the feed with 20 participants 1,455, an inbox entry packed to the full 16,661; rounded up. The
 * test beside this file measures again. A receipt of a message that a gateway gave to many people is longer: 44 bytes for each.
 */
export const ENTRY_BYTES = { receipt: 420, feed: 1_600, inbox: 17_000, deadLetter: 1_000 } as const;

export interface StreamLayout {
  gateways: number;
  partitions?: number;
  inboxLength?: number;
  receiptsLength?: number;
  feedLength?: number;
}

/** Bytes that the streams of a deployment take at most, each of them full to its bound. Everything else in Redis comes on top. */
export function streamMemory(layout: StreamLayout): number {
  const { gateways, partitions = DEFAULT_PARTITIONS } = layout;
  const perPartition =
    (layout.receiptsLength ?? DEFAULT_RECEIPTS_LENGTH) * ENTRY_BYTES.receipt +
    (layout.feedLength ?? DEFAULT_FEED_LENGTH) * ENTRY_BYTES.feed +
    DEAD_LETTERS_LENGTH * ENTRY_BYTES.deadLetter;
  return partitions * perPartition + gateways * (layout.inboxLength ?? DEFAULT_INBOX_LENGTH) * ENTRY_BYTES.inbox;
}
