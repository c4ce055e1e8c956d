import { LRUCache } from 'lru-cache';

/** Users who were told that they are in a conversation no more. */
export interface FormerMembers {
  /** The members changed, as `conversation:updated` says. */
  changed(conversationId: string, userIds: readonly string[], change: string): void;
  has(conversationId: string, userId: string): boolean;
}

/**
 * Milliseconds that it is remembered. Source: a gateway that the news did not reach believes members for 15 s (membership cache), and those whom
 * it told of typing for 15 s more.
 */
const REMEMBERED_MS = 30_000;
/** Users and conversations that are remembered. Source: at 100 bytes each this is 2 MB. */
const MAX = 20_000;

/**
 * Signals overtake the inbox: a gateway that does not know of a removal yet still sends some. Whoever was told of their removal here is told
 * nothing after it, whatever the others know.
 */
export function createFormerMembers(now: () => number): FormerMembers {
  const until = new LRUCache<string, number>({ max: MAX });
  const keyOf = (conversationId: string, userId: string) => `${conversationId} ${userId}`;
  return {
    changed(conversationId, userIds, change) {
      for (const userId of userIds) {
        const key = keyOf(conversationId, userId);
        if (change === 'member-removed') until.set(key, now() + REMEMBERED_MS);
        else until.delete(key);
      }
    },
    has: (conversationId, userId) => (until.get(keyOf(conversationId, userId)) ?? Number.NEGATIVE_INFINITY) > now(),
  };
}
