import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership } from './model.ts';
import { settledPositions } from './own-row.ts';

type Counter = Pick<ChatContext, 'store'>;
type Counted = Pick<StoredConversation, 'id' | 'seq' | 'changeSeq'>;
type Position = Pick<StoredMembership, 'readSeq' | 'joinedSeq'>;

/** Messages of others that the user has not read in one conversation: counted, not estimated, and only where there can be any. */
export async function unreadOf(
  ctx: Counter,
  userId: string,
  conversation: Counted,
  own: Position | undefined,
): Promise<number> {
  const counts = await unreadIn(ctx, userId, [conversation], () => own);
  return counts.get(conversation.id) ?? 0;
}

/**
 * The same for many conversations in a few reads of the store.
 * @param positionIn how far the user has read in a conversation
 * @returns the counts by conversation; those with nothing unread are absent
 */
export async function unreadIn(
  ctx: Counter,
  userId: string,
  conversations: readonly Counted[],
  positionIn: (conversationId: string) => Position | undefined,
): Promise<Map<string, number>> {
  const ranges = conversations.flatMap(({ id, seq, changeSeq }) => {
    const own = positionIn(id);
    const aboveSeq = Math.max(own?.readSeq ?? 0, own?.joinedSeq ?? 0);
    return seq > aboveSeq ? [{ conversationId: id, aboveSeq, seq, changeSeq }] : [];
  });
  return ranges.length === 0 ? new Map() : ctx.store.messages.countUnread(userId, ranges);
}

/** The same over all of the user's conversations. */
export async function unreadCount(ctx: Counter, userId: string): Promise<number> {
  const [conversations, rows] = await Promise.all([
    ctx.store.conversations.countersFor(userId),
    ctx.store.memberships.positionsOf(userId),
  ]);
  const own = await settledPositions(ctx, userId, conversations, rows);
  const counts = await unreadIn(ctx, userId, conversations, (id) => own.get(id));
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
