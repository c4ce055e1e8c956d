import { ChatError, type ReadResult, STREAM_VERSION } from '@confab/contracts';
import { conversationFor } from './access.ts';
import type { ChatContext } from './context.ts';
import { unreadOf } from './unread.ts';

export interface ReadRequest {
  userId: string;
  conversationId: string;
  /** Everything if absent. */
  messageIds?: readonly string[];
  traceId: string;
}

/**
 * Moves the caller's read watermark up to the highest of the messages. When it returns, their unread count has moved;
 * the senders are told by the worker.
 * @throws ChatError NOT_FOUND (conversation, or none of the messages is in it)
 */
export async function markRead(ctx: ChatContext, request: ReadRequest): Promise<ReadResult> {
  const { userId, conversationId, messageIds, traceId } = request;
  const conversation = await conversationFor(ctx, userId, conversationId);
  const target = messageIds ? await highestSeq(ctx, conversationId, messageIds) : await newestSeq(ctx, conversationId);
  const { before } = await ctx.store.memberships.raiseRead(conversationId, userId, target);
  const readSeq = Math.max(before, target);
  if (target > before) await tellWorker(ctx, { userId, conversationId, fromSeq: before, toSeq: target, traceId });
  const own = await ctx.store.memberships.find(conversationId, userId);
  return { conversationId, readSeq, unreadCount: await unreadOf(ctx, userId, conversation, own ?? undefined) };
}

/** Not the conversation's own counter: that may count a message which is still being stored, and which nobody has seen. */
async function newestSeq(ctx: ChatContext, conversationId: string): Promise<number> {
  return (await ctx.store.messages.newest(conversationId))?.seq ?? 0;
}

async function highestSeq(ctx: ChatContext, conversationId: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const rows = await ctx.store.messages.findByIds(conversationId, [...new Set(ids)]);
  if (rows.length === 0) throw new ChatError('NOT_FOUND');
  return Math.max(...rows.map((row) => row.seq));
}

async function tellWorker(
  ctx: ChatContext,
  read: { userId: string; conversationId: string; fromSeq: number; toSeq: number; traceId: string },
): Promise<void> {
  try {
    await ctx.receipts.append([{ v: STREAM_VERSION, id: ctx.ids.token(), at: ctx.clock.now(), type: 'read', ...read }]);
  } catch (error) {
    // The watermark has moved; the senders see it with their next sync or list.
    ctx.log.warn({ err: error, traceId: read.traceId }, 'read receipt not announced');
  }
}
