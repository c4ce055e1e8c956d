import { ChatError } from '@confab/contracts';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { RequestCounts, type RequestCountsOptions } from '../request-counts.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a request of a user, whichever way it came. @throws ChatError RATE_LIMITED */
    countUser(userId: string): void;
  }
}

type Options = Pick<RequestCountsOptions, 'limit' | 'shared' | 'onAway'>;

const WINDOW_MS = 60_000;

/**
 * Limits what one user asks for, from however many addresses, over all processes: any route, cheap or dear. As with addresses each process decides by
 * what it knows and settles with the others in batches, so that no request waits for it.
 */
export const userLimit = fp(async (app: FastifyInstance, options: Options) => {
  const counts = new RequestCounts({ ...options, windowMs: WINDOW_MS, sparing: true });
  app.addHook('onClose', async () => counts.close());
  app.decorate('countUser', (userId: string) => {
    // no address looks like this
    const { current, ttl } = counts.add(`user:${userId}`);
    if (current <= options.limit) return;
    throw new ChatError('RATE_LIMITED', {
      retryAfter: Math.ceil(ttl / 1_000),
      reason: `at most ${options.limit} requests a minute`,
    });
  });
});
