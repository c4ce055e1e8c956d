import type { Clock } from './ports/environment.ts';
import type { MessageRepository } from './ports/repositories.ts';

/**
 * Milliseconds that a count is served from memory. Source: a fifth of HOLE_AGE_MS. A seq whose message never came counts as a message for at least that
 * long anyway, until somebody makes a void of it.
 */
const FRESH_MS = 2_000;
/** Counts kept. Source: 20,000 of about 200 bytes are 4 MB. */
const CAPACITY = 20_000;

interface Counted {
  count: Promise<number>;
  until: number;
}

/**
 * Messages whose voids are counted once for all pages of a conversation that are read within FRESH_MS. Voids are rare, and a page needs nothing of
 * them but their number. One that `fillVoid` of these messages made is counted at once; one of another process, or of a seq that was given up, within
 * FRESH_MS.
 */
export function countingVoidsOnce(inner: MessageRepository, clock: Clock): MessageRepository {
  const counts = new Map<string, Counted>();

  const countAnew = (conversationId: string): Promise<number> => {
    const counted = { count: inner.countVoids(conversationId, 0), until: clock.now() + FRESH_MS };
    counts.delete(conversationId);
    counts.set(conversationId, counted);
    if (counts.size > CAPACITY) counts.delete(counts.keys().next().value as string);
    counted.count.catch(() => {
      // Whoever waits is told; whoever comes next tries again.
      if (counts.get(conversationId) === counted) counts.delete(conversationId);
    });
    return counted.count;
  };

  return {
    ...inner,
    async countVoids(conversationId, aboveSeq) {
      if (aboveSeq > 0) return inner.countVoids(conversationId, aboveSeq);
      const counted = counts.get(conversationId);
      return counted && counted.until > clock.now() ? counted.count : countAnew(conversationId);
    },
    async fillVoid(conversationId, seq, now) {
      try {
        return await inner.fillVoid(conversationId, seq, now);
      } finally {
        counts.delete(conversationId);
      }
    },
  };
}
