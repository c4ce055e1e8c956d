import { ChatError } from '@confab/contracts';
import type { LagProbe } from '@confab/service-kit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { endUnread, hasBody, isThere } from '../unread-body.ts';

interface OverloadOptions {
  /** Requests that are worked on at the same time. */
  maxInFlight: number;
  /** Requests at the same time whose body is not there yet. */
  maxAwaited: number;
  lag: LagProbe;
}

/**
 * Refuses work that would only wait: with a reason and a time to come back, before anything of it is queued. A request counts as work once its body is
 * there: till then it waits for its client, who may let it wait until the deadline of bodies. Those have a bound of their own, in which the one that waits
 * the longest gives way to a new one: whoever drips bodies takes the place of others that do, and of nobody else.
 */
export const overload = fp(async (app: FastifyInstance, { maxInFlight, maxAwaited, lag }: OverloadOptions) => {
  const inFlight = new Set<FastifyRequest>();
  /** The oldest first. */
  const awaited = new Map<FastifyRequest, FastifyReply>();
  /** Work that came within that in flight. */
  let occupied = 0;
  const hasRoomFor = (more: number) => inFlight.size + occupied + more <= maxInFlight;

  /** @returns whether one gave way */
  const makeRoom = (): boolean => {
    for (const [request, reply] of awaited) {
      // Its client did what it can: it is about to be worked on.
      if (isThere(request)) continue;
      awaited.delete(request);
      endUnread(request, reply, refusal());
      return true;
    }
    return false;
  };

  app.addHook('onRequest', (request, reply, done) => {
    const { operations, streams } = request.routeOptions.config;
    if (operations) return done();
    // Also where its body is to come: reading it would be for nothing.
    if (!hasRoomFor(1) || lag.overloaded()) return done(refusal());
    if (reply.raw.destroyed) return done();
    const waits = !streams && hasBody(request);
    if (waits && awaited.size >= maxAwaited && !makeRoom()) return done(refusal());
    if (waits) awaited.set(request, reply);
    else inFlight.add(request);
    // Of the reply: that of a request comes as soon as its body is read. It comes for answered and for abandoned requests alike.
    reply.raw.once('close', () => awaited.delete(request) || inFlight.delete(request));
    done();
  });
  /** From the one count to the other; who is in none was closed meanwhile. */
  const begin = (request: FastifyRequest): ChatError | undefined => {
    if (!awaited.delete(request)) return undefined;
    if (!hasRoomFor(1)) return refusal();
    inFlight.add(request);
    return undefined;
  };
  // Most bodies came together with the head: those count before their token is looked at, which may take the store.
  app.addHook('preParsing', (request, _reply, _payload, done) => done(isThere(request) ? begin(request) : undefined));
  app.addHook('preValidation', (request, _reply, done) => done(begin(request)));
  app.decorate('countElsewhere', (request: FastifyRequest) => void inFlight.delete(request));
  app.decorate('occupy', (more: number) => {
    if (!hasRoomFor(more)) throw refusal();
    occupied += more;
    return () => {
      occupied -= more;
    };
  });
});

const refusal = () => new ChatError('OVERLOADED', { retryAfter: 1 });

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts further pieces of work that came in one request. @returns ends that. @throws ChatError OVERLOADED */
    occupy(more: number): () => void;
    /** Counts a request no longer: from here on it has a bound of its own, and waits for its other side more than it works. */
    countElsewhere(request: FastifyRequest): void;
  }
  interface FastifyContextConfig {
    /** A route of operators (health, metrics): answered under any load. */
    operations?: boolean;
  }
}
