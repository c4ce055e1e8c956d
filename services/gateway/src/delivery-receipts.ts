import type { InboxEntry } from '@confab/chat';
import { type DeliveredReceipt, STREAM_VERSION } from '@confab/contracts';

export interface DeliveryContext {
  /** Whether the user has a connected socket here. */
  isConnected(userId: string): boolean;
  now(): number;
  newId(): string;
}

/**
 * The receipts for a batch that was pushed: one per conversation and set of receivers, so that a burst of messages costs one entry.
 * The sender is no receiver of their own message.
 */
export function deliveryReceipts(entries: readonly InboxEntry[], context: DeliveryContext): DeliveredReceipt[] {
  const receipts = new Map<string, DeliveredReceipt>();
  for (const { meta } of entries) {
    const { event, conversationId, messageId, senderId, seq } = meta;
    if (event !== 'new:message' || !conversationId || !messageId || !senderId || !seq) continue;
    const userIds = meta.to.filter((userId) => userId !== senderId && context.isConnected(userId)).sort();
    if (userIds.length === 0) continue;
    const key = `${conversationId}\n${userIds.join('\n')}`;
    const receipt = receipts.get(key) ?? {
      v: STREAM_VERSION,
      id: context.newId(),
      at: context.now(),
      traceId: meta.traceId,
      type: 'delivered' as const,
      conversationId,
      userIds,
      items: [],
    };
    receipt.items.push({ messageId, seq, senderId });
    receipts.set(key, receipt);
  }
  return [...receipts.values()];
}
