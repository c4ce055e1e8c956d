import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Looks for late bodies in the time that one has. */
const LOOKS = 30;

/**
 * Ends a request whose body does not come in time. Node's own `requestTimeout` does this for a whole server; here uploads, which may rightly take
 * long, are left out.
 */
export const bodyDeadline = fp(async (app: FastifyInstance, { deadlineMs }: { deadlineMs: number }) => {
  /** Requests whose body is not there yet, the oldest first, with when it has to be. One look at all of them is cheaper than a timer for each. */
  const awaited = new Map<FastifyRequest, number>();
  const look = setInterval(() => {
    const now = performance.now();
    for (const [request, dueAt] of awaited) {
      if (dueAt > now) break;
      awaited.delete(request);
      if (!request.raw.readableEnded) request.raw.destroy();
    }
  }, deadlineMs / LOOKS);
  look.unref();

  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.routeOptions.config.streams) awaited.set(request, performance.now() + deadlineMs);
    done();
  });
  const arrived = (request: FastifyRequest, _reply: unknown, done: () => void) => {
    awaited.delete(request);
    done();
  };
  app.addHook('preValidation', arrived);
  app.addHook('onResponse', arrived);
  app.addHook('onRequestAbort', (request, done) => arrived(request, undefined, done));
  app.addHook('onClose', async () => clearInterval(look));
});

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that reads its body as a stream, with limits of its own. */
    streams?: boolean;
  }
}
