import { type DeliveredReceipt, limits, type ReadReceipt } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership } from './model.ts';
import type { MessageAuthor } from './ports/repositories.ts';
import { outbound, publishOrLeaveToSync } from './publish.ts';
import { lowestTwo } from './views.ts';

type WorkerContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log'>;

/**
 * Moves deliveredSeq of everybody named, then tells senders of each message that has now reached every other member.
 * Repeating it changes nothing: watermarks only grow, and a message is told of when it crosses them.
 * @param redelivered the entries came before and their worker may have died between the two steps: what they name is told again
 */
export async function applyDelivered(
  ctx: WorkerContext,
  receipts: readonly DeliveredReceipt[],
  redelivered = false,
): Promise<void> {
  const byConversation = Map.groupBy(receipts, (receipt) => receipt.conversationId);
  const ids = [...byConversation.keys()];
  const [conversations, rows] = await Promise.all([
    ctx.store.conversations.findByIds(ids),
    ctx.store.memberships.ofConversations(ids),
  ]);
  const members = Map.groupBy(rows, (row) => row.conversationId);
  const steps = conversations.map((conversation) =>
    deliveredStep(
      conversation,
      members.get(conversation.id) ?? [],
      byConversation.get(conversation.id) ?? [],
      redelivered,
    ),
  );
  await ctx.store.memberships.raise(steps.flatMap((step) => step.moves));
  await Promise.all(steps.map((step) => announceDelivered(ctx, step)));
}

interface DeliveredStep {
  conversation: StoredConversation;
  moves: { conversationId: string; userId: string; deliveredSeq: number }[];
  /** For a sender: the highest seq that had reached all others before, and has now. */
  before(senderId: string): number;
  after(senderId: string): number;
  items: Map<number, MessageAuthor>;
  /** Who received, per seq; the last one to receive is named in the event. */
  receivers: readonly string[];
  traceId: string;
}

function deliveredStep(
  conversation: StoredConversation,
  rows: readonly StoredMembership[],
  receipts: readonly DeliveredReceipt[],
  redelivered: boolean,
): DeliveredStep {
  const old = new Map(rows.map((row) => [row.userId, row.deliveredSeq]));
  const now = new Map(old);
  const items = new Map<number, MessageAuthor>();
  for (const receipt of receipts) {
    const seq = Math.min(conversation.seq, Math.max(...receipt.items.map((item) => item.seq)));
    for (const userId of receipt.userIds) {
      if (conversation.participants.includes(userId)) now.set(userId, Math.max(now.get(userId) ?? 0, seq));
    }
    for (const item of receipt.items) items.set(item.seq, item);
  }
  const moved = [...now].filter(([userId, seq]) => seq > (old.get(userId) ?? 0));
  const lowestBefore = lowestTwo(conversation.participants, (id) => old.get(id) ?? 0);
  const firstNamed = redelivered ? Math.min(...items.keys()) : Number.POSITIVE_INFINITY;
  const lowestAfter = lowestTwo(conversation.participants, (id) => now.get(id) ?? 0);
  return {
    conversation,
    moves: moved.map(([userId, deliveredSeq]) => ({ conversationId: conversation.id, userId, deliveredSeq })),
    before: (senderId) => Math.min(lowestBefore.withoutUser(senderId), firstNamed - 1),
    after: (senderId) => lowestAfter.withoutUser(senderId),
    items,
    receivers: moved.map(([userId]) => userId),
    traceId: receipts[0]?.traceId ?? '',
  };
}

/** Messages told of at once when a watermark jumps over many: the newest. Older ones show with the next page or sync. */
const ANNOUNCED = limits.readIds;

async function announceDelivered(ctx: WorkerContext, step: DeliveredStep): Promise<void> {
  const { conversation, receivers, traceId } = step;
  const senders = conversation.participants.filter((id) => step.after(id) > step.before(id));
  if (senders.length === 0) return;
  const from = Math.min(...senders.map(step.before));
  const to = Math.max(...senders.map(step.after));
  const crossed = (await authorsBetween(ctx, step, from, to)).filter(
    ({ senderId, seq }) => seq > step.before(senderId) && seq <= step.after(senderId),
  );
  for (const { messageId, seq, senderId } of crossed.toSorted((a, b) => a.seq - b.seq)) {
    const deliveredTo = receivers.find((id) => id !== senderId) ?? '';
    const payload = { messageId, conversationId: conversation.id, seq, deliveredTo };
    const event = outbound('message:delivered', payload, { traceId, conversationId: conversation.id });
    await publishOrLeaveToSync(ctx, event, [senderId]);
    ctx.log.debug({ traceId, messageId, conversationId: conversation.id, seq }, 'message delivered');
  }
}

/** The receipts name what they are about; only where a watermark jumped over more is the store asked. */
async function authorsBetween(
  ctx: WorkerContext,
  step: DeliveredStep,
  from: number,
  to: number,
): Promise<MessageAuthor[]> {
  const named = Array.from({ length: Math.min(to - from, ANNOUNCED) }, (_, i) => step.items.get(to - i));
  const known = named.filter((item) => item !== undefined);
  return known.length === to - from ? known : ctx.store.messages.authors(step.conversation.id, from, to, ANNOUNCED);
}

/**
 * Moves readSeq of the reader up, then tells the senders of what was read, and the reader's own devices.
 * @param redelivered the entry came before and its worker may have died between the two steps: told again then
 */
export async function applyRead(ctx: WorkerContext, receipt: ReadReceipt, redelivered: boolean): Promise<void> {
  const { conversationId, userId } = receipt;
  const [conversation] = await ctx.store.conversations.findByIds([conversationId]);
  if (!conversation?.participants.includes(userId)) return;
  const range = await readRange(ctx, conversation, receipt, redelivered);
  if (range.to <= range.from) return;
  const authors = await ctx.store.messages.authors(conversationId, range.from, range.to, limits.readIds);
  const read = authors.filter((author) => author.senderId !== userId);
  if (read.length === 0) return;
  const payload = {
    conversationId,
    messageIds: read.map((m) => m.messageId).reverse(),
    readBy: userId,
    readSeq: range.to,
  };
  const event = outbound('messages:read', payload, { traceId: receipt.traceId, conversationId });
  // Who wrote here and has left since hears no more of it.
  const senders = new Set([userId, ...read.map((m) => m.senderId)]);
  const members = conversation.participants.filter((id) => senders.has(id));
  await publishOrLeaveToSync(ctx, event, members);
}

async function readRange(
  ctx: WorkerContext,
  conversation: StoredConversation,
  receipt: ReadReceipt,
  redelivered: boolean,
): Promise<{ from: number; to: number }> {
  const { toSeq, fromSeq } = receipt;
  const to = Math.min(conversation.seq, toSeq ?? (await highestNamed(ctx, conversation.id, receipt.messageIds)));
  const { before } = await ctx.store.memberships.raiseRead(conversation.id, receipt.userId, to);
  if (fromSeq !== undefined) return { from: fromSeq, to };
  return { from: redelivered ? Math.max(0, to - limits.readIds) : before, to };
}

async function highestNamed(
  ctx: WorkerContext,
  conversationId: string,
  ids: readonly string[] | undefined,
): Promise<number> {
  if (ids === undefined) return (await ctx.store.messages.newest(conversationId))?.seq ?? 0;
  const rows = await ctx.store.messages.findByIds(conversationId, [...new Set(ids)]);
  return rows.reduce((highest, row) => Math.max(highest, row.seq), 0);
}
