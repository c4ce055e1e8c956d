import { ChatError } from '@confab/contracts';
import type { LagProbe } from '@confab/service-kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Refuses work that would only wait: with a reason and a time to come back, before anything of it is queued. */
export const overload = fp(async (app: FastifyInstance, options: { maxInFlight: number; lag: LagProbe }) => {
  const inFlight = new Set<FastifyRequest>();
  /** Work that came within those. */
  let occupied = 0;
  const hasRoomFor = (more: number) => inFlight.size + occupied + more <= options.maxInFlight;

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.operations) return done();
    if (!hasRoomFor(1) || options.lag.overloaded()) return done(refusal());
    if (reply.raw.destroyed) return done();
    inFlight.add(request);
    // Of the reply: that of a request comes as soon as its body is read. It comes for answered and for abandoned requests alike.
    reply.raw.once('close', () => inFlight.delete(request));
    done();
  });
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
