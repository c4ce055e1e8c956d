import { ChatError } from '@confab/contracts';
import { LRUCache } from 'lru-cache';

/** Fetches the participants of a conversation as one of them. @throws ChatError NOT_FOUND if the user is none */
export type FetchMembership = () => Promise<{ participants: string[] }>;

export interface MembershipCache {
  /**
   * @returns the participants, the user among them
   * @throws ChatError NOT_FOUND for foreign and unknown conversations alike; what `fetch` throws
   */
  participantsFor(userId: string, conversationId: string, fetch: FetchMembership): Promise<readonly string[]>;
  /** The members changed. */
  invalidate(conversationId: string): void;
  /** News of members may have been lost: nothing is believed any more. */
  clear(): void;
}

export interface MembershipCacheOptions {
  /** Conversations kept. */
  max?: number;
  /** Milliseconds that members are believed. Source: bounds what a lost `conversation:updated` costs. */
  ttlMs?: number;
  /** Milliseconds that a refusal is believed: short, for who was just added. */
  refusalTtlMs?: number;
}

/** Members that change faster than they are asked for are believed as they are. */
const MAX_TRIES = 3;

/**
 * Who is in which conversation, for typing, joins and receipts. One fetch at a time per user and conversation. Whoever is not among
 * the cached members is asked for anew, since they may have been added meanwhile.
 */
export function createMembershipCache(options: MembershipCacheOptions = {}): MembershipCache {
  const { max = 20_000, ttlMs = 15_000, refusalTtlMs = 2_000 } = options;
  const members = new LRUCache<string, ReadonlySet<string>>({ max, ttl: ttlMs });
  const refusals = new LRUCache<string, true>({ max, ttl: refusalTtlMs });
  const flights = new Map<string, { conversationId: string; stale: boolean; result: Promise<ReadonlySet<string>> }>();

  /** An answer that set out before the members changed is old news, and asked for again. */
  const ask = async (key: string, flight: { conversationId: string; stale: boolean }, fetch: FetchMembership) => {
    for (let tries = 1; ; tries++) {
      flight.stale = false;
      try {
        const set = new Set((await fetch()).participants);
        if (!flight.stale) members.set(flight.conversationId, set);
        if (!flight.stale || tries === MAX_TRIES) return set;
      } catch (error) {
        const refused = error instanceof ChatError && error.code === 'NOT_FOUND';
        if (refused && !flight.stale) refusals.set(key, true);
        if (!refused || !flight.stale || tries === MAX_TRIES) throw error;
      }
    }
  };

  const fly = (key: string, conversationId: string, fetch: FetchMembership) => {
    const started = Promise.withResolvers<ReadonlySet<string>>();
    const flight = { conversationId, stale: false, result: started.promise };
    // Before it is asked: news may come at once.
    flights.set(key, flight);
    started.resolve(ask(key, flight, fetch).finally(() => flights.delete(key)));
    return started.promise;
  };

  return {
    async participantsFor(userId, conversationId, fetch) {
      const cached = members.get(conversationId);
      if (cached?.has(userId)) return [...cached];
      const key = `${conversationId} ${userId}`;
      if (refusals.has(key)) throw new ChatError('NOT_FOUND');
      const fresh = await (flights.get(key)?.result ?? fly(key, conversationId, fetch));
      if (!fresh.has(userId)) throw new ChatError('NOT_FOUND');
      return [...fresh];
    },
    invalidate(conversationId) {
      members.delete(conversationId);
      for (const key of refusals.keys()) if (key.startsWith(conversationId)) refusals.delete(key);
      for (const flight of flights.values()) if (flight.conversationId === conversationId) flight.stale = true;
    },
    clear() {
      members.clear();
      refusals.clear();
      for (const flight of flights.values()) flight.stale = true;
    },
  };
}
