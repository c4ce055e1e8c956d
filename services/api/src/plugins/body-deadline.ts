import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/**
 * Ends a request whose body does not come in time. Node's own `requestTimeout` does this for a whole server; here uploads, which may rightly take
 * long, are left out.
 */
export const bodyDeadline = fp(async (app: FastifyInstance, { deadlineMs }: { deadlineMs: number }) => {
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.streams) return;
    const { raw } = request;
    const timer = setTimeout(() => {
      if (!raw.readableEnded) raw.destroy();
    }, deadlineMs);
    timer.unref();
    raw.once('end', () => clearTimeout(timer));
    raw.once('close', () => clearTimeout(timer));
  });
});

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that reads its body as a stream, with limits of its own. */
    streams?: boolean;
  }
}
