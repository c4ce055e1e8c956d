import { ChatError } from '@confab/contracts';
import { addressGroup } from '@confab/service-kit';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { RequestCounts, type RequestCountsOptions } from '../request-counts.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts requests that came in another one. @throws ChatError RATE_LIMITED */
    countRequests(address: string, requests: number): void;
  }
}

type Options = Pick<RequestCountsOptions, 'limit' | 'shared' | 'onAway'>;

const WINDOW_MS = 60_000;

/** Limits the requests of one address, against abuse: before the token is looked at. Requests pass where the counting fails. */
export const addressLimit = fp(async (app: FastifyInstance, options: Options) => {
  const counts = new RequestCounts({ ...options, windowMs: WINDOW_MS });
  app.addHook('onClose', async () => counts.close());
  app.decorate('countRequests', (address: string, requests: number) => {
    const { current, ttl } = counts.add(addressGroup(address), requests);
    if (current > options.limit) throw refusal(ttl);
  });
  await app.register(rateLimit, {
    max: options.limit,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => addressGroup(request.ip),
    store: storeOn(counts),
    allowList: (request) => request.routeOptions.config.operations === true,
    errorResponseBuilder: (_request, { ttl }) => refusal(ttl),
  });
});

const refusal = (ttlMs: number) =>
  new ChatError('RATE_LIMITED', {
    retryAfter: Math.ceil(ttlMs / 1_000),
    reason: 'Too many requests from this address',
  });

/** As @fastify/rate-limit wants its stores: a class, whose routes share one count here. */
function storeOn(counts: RequestCounts) {
  return class AddressStore {
    incr(address: string, callback: (error: Error | null, result?: { current: number; ttl: number }) => void): void {
      callback(null, counts.add(address));
    }

    child(): AddressStore {
      return this;
    }
  };
}
