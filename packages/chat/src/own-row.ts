import type { StoredConversation, StoredMembership } from './model.ts';

/**
 * Whether a user's row that was read beside a conversation, not after it, says since when they are in it. A joining writes the row first, with a mark, and
 * then the participants, perhaps several times: a row that was read before may be missing, that of an earlier membership, or of
 * an attempt that came to nothing. Then it must be read again. In a conversation of two both are in it from the start.
 */
export const isSettled = (
  { isGroup }: Pick<StoredConversation, 'isGroup'>,
  row: Pick<StoredMembership, 'active' | 'changing'> | null | undefined,
): boolean => !isGroup || (row?.active === true && !row.changing);
