import type { InboxEntry } from '@confab/chat';
import { type DeliveredReceipt, STREAM_VERSION } from '@confab/contracts';

/** Messages of one receipt at most. Source: it then has the 42 kB that the largest receipts have, those of a group of a thousand. */
const MAX_ITEMS = 500;

export interface DeliveryContext {
  /** Whether the user has a connected socket here that they were written to. */
  isReached(userId: string): boolean;
  now(): number;
  newId(): string;
}

/**
 * The receipts for events that were pushed together: one per conversation and set of receivers, so that a burst of messages costs one entry (a long
 * one a few).
 * The sender is no receiver of their own message.
 */
export function deliveryReceipts(entries: readonly InboxEntry[], context: DeliveryContext): DeliveredReceipt[] {
  const receipts: DeliveredReceipt[] = [];
  /** Those that more may be added to. */
  const open = new Map<string, DeliveredReceipt>();
  for (const { meta } of entries) {
    const { event, conversationId, messageId, senderId, seq } = meta;
    if (event !== 'new:message' || !conversationId || !messageId || !senderId || !seq) continue;
    const userIds = meta.to.filter((userId) => userId !== senderId && context.isReached(userId)).sort();
    if (userIds.length === 0) continue;
    const key = `${conversationId}\n${userIds.join('\n')}`;
    let receipt = open.get(key);
    if (!receipt || receipt.items.length >= MAX_ITEMS) {
      receipt = newReceipt(conversationId, userIds, meta.traceId, context);
      receipts.push(receipt);
      open.set(key, receipt);
    }
    receipt.items.push({ messageId, seq, senderId });
  }
  return receipts;
}

const newReceipt = (
  conversationId: string,
  userIds: string[],
  traceId: string,
  { newId, now }: DeliveryContext,
): DeliveredReceipt => ({
  v: STREAM_VERSION,
  id: newId(),
  at: now(),
  traceId,
  type: 'delivered',
  conversationId,
  userIds,
  items: [],
});
