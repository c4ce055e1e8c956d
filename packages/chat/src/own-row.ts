import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership } from './model.ts';
import type { OwnPosition } from './ports/repositories.ts';

/**
 * Whether a user's row that was read beside a conversation, not after it, says since when they are in it. A joining writes the row first, with a mark, and
 * then the participants, perhaps several times: a row that was read before may be missing, that of an earlier membership, or of
 * an attempt that came to nothing. Then it must be read again. In a conversation of two both are in it from the start.
 */
export const isSettled = (
  { isGroup }: Pick<StoredConversation, 'isGroup'>,
  row: Pick<StoredMembership, 'active' | 'changing'> | null | undefined,
): boolean => !isGroup || (row?.active === true && !row.changing);

/** The user's positions, by conversation, of which some were read beside the conversations; those that are not settled are read again. */
export async function settledPositions(
  ctx: Pick<ChatContext, 'store'>,
  userId: string,
  conversations: readonly Pick<StoredConversation, 'id' | 'isGroup'>[],
  beside: readonly OwnPosition[],
): Promise<Map<string, OwnPosition>> {
  const own = new Map(beside.map((row) => [row.conversationId, row]));
  const open = conversations.filter((conversation) => !isSettled(conversation, own.get(conversation.id)));
  if (open.length === 0) return own;
  const again = await ctx.store.memberships.ofUser(
    userId,
    open.map(({ id }) => id),
  );
  for (const row of again) own.set(row.conversationId, row);
  return own;
}
