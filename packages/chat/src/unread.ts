import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { StoredConversation, StoredMembership } from './model.ts';

type Counter = Pick<ChatContext, 'store'>;

/** Messages of others that the user has not read in one conversation: counted, not estimated, and only where there can be any. */
export async function unreadOf(
  ctx: Counter,
  userId: string,
  conversation: Pick<StoredConversation, 'id' | 'seq'>,
  own: Pick<StoredMembership, 'readSeq' | 'joinedSeq'> | undefined,
): Promise<number> {
  const from = Math.max(own?.readSeq ?? 0, own?.joinedSeq ?? 0);
  return conversation.seq > from ? ctx.store.messages.countUnread(conversation.id, userId, from) : 0;
}

/** The same over all of the user's conversations. */
export async function unreadCount(ctx: Counter, userId: string): Promise<number> {
  const [conversations, rows] = await Promise.all([
    ctx.store.conversations.countersFor(userId),
    ctx.store.memberships.ofUser(userId),
  ]);
  const own = new Map(rows.map((row) => [row.conversationId, row]));
  const counts = await inBatches(conversations, AT_ONCE, (c) => unreadOf(ctx, userId, c, own.get(c.id)));
  return counts.reduce((sum, count) => sum + count, 0);
}
