import { ChatError } from '@confab/contracts';
import type { LagProbe } from '@confab/service-kit';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** Refuses work that would only wait: with a reason and a time to come back, before anything of it is queued. */
export const overload = fp(async (app: FastifyInstance, options: { maxInFlight: number; lag: LagProbe }) => {
  let inFlight = 0;
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.operations) return done();
    if (inFlight >= options.maxInFlight || options.lag.overloaded())
      return done(new ChatError('OVERLOADED', { retryAfter: 1 }));
    inFlight++;
    let counted = true;
    const leave = () => {
      if (counted) inFlight--;
      counted = false;
    };
    // Of the reply: that of a request comes as soon as its body is read. It comes for answered and for abandoned requests alike.
    reply.raw.destroyed ? leave() : reply.raw.once('close', leave);
    done();
  });
  app.decorate('occupy', (more: number) => {
    if (inFlight + more > options.maxInFlight) throw new ChatError('OVERLOADED', { retryAfter: 1 });
    inFlight += more;
    return () => {
      inFlight -= more;
    };
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts further pieces of work that came in one request. @returns ends that. @throws ChatError OVERLOADED */
    occupy(more: number): () => void;
  }
  interface FastifyContextConfig {
    /** A route of operators (health, metrics): answered under any load. */
    operations?: boolean;
  }
}
