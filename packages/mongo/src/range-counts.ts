import { inBatches, type SeqRange, type UnreadRange } from '@confab/chat';
import type { Filter, ObjectId } from 'mongodb';
import type { Collections } from './collections.ts';
import { type MessageDoc, oid } from './documents.ts';
import { guarded } from './failures.ts';
import { aggregateRows } from './plain-reads.ts';

/**
 * Conversations whose messages are counted by one command. Source: 500 ranges took 16.6 and 30 ms as five commands (means, embedded store and
 * DocumentDB), 13 and 36 as two, 11 and 76 as one; the unread count of an account, of which this is a part, 20, 19 and 19.5, and 42, 42 and 76.
 */
const RANGES_AT_ONCE = 250;
/** Such commands under way for one request. Source: a fraction of a process's 50 connections. */
const PARTS_AT_ONCE = 5;

/** Unread messages by conversation, as the port says. */
export function countUnread(
  collections: Collections,
  userId: string,
  ranges: readonly UnreadRange[],
): Promise<Map<string, number>> {
  const countable = {
    senderId: { $ne: userId },
    deletedAt: null,
    void: { $exists: false },
    deletedFor: { $ne: userId },
  } as const;
  const above = ranges.map(({ conversationId, aboveSeq }) => ({
    conversationId: oid(conversationId),
    seq: { $gt: aboveSeq },
  }));
  return countInRanges(collections, above, countable);
}

/** Rows by conversation, as the port says. */
export function countRows(collections: Collections, ranges: readonly SeqRange[]): Promise<Map<string, number>> {
  const within = ranges.map(({ conversationId, fromSeq, toSeq }) => ({
    conversationId: oid(conversationId),
    seq: { $gt: fromSeq, $lte: toSeq },
  }));
  return countInRanges(collections, within, {});
}

interface RangeFilter {
  conversationId: ObjectId;
  seq: { $gt: number; $lte?: number };
}

async function countInRanges(
  collections: Collections,
  ranges: readonly RangeFilter[],
  countable: Filter<MessageDoc>,
): Promise<Map<string, number>> {
  const parts = Array.from({ length: Math.ceil(ranges.length / RANGES_AT_ONCE) }, (_, part) =>
    ranges.slice(part * RANGES_AT_ONCE, (part + 1) * RANGES_AT_ONCE),
  );
  const counts = await inBatches(parts, PARTS_AT_ONCE, (part) =>
    guarded(() => countPart(collections, part, countable)),
  );
  return new Map(counts.flat());
}

/** The counting stays with the store: it may be many messages, and what comes back is one number for each conversation. */
async function countPart(
  { db, messages }: Collections,
  ranges: readonly RangeFilter[],
  countable: Filter<MessageDoc>,
): Promise<[conversationId: string, count: number][]> {
  const counts = await aggregateRows<{ _id: ObjectId; counted: number }>(db, messages, [
    { $match: { $or: ranges, ...countable } },
    { $group: { _id: '$conversationId', counted: { $sum: 1 } } },
  ]);
  return counts.map(({ _id, counted }) => [_id.toHexString(), counted]);
}
