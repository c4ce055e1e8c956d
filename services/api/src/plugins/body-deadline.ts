import { ChatError } from '@confab/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { endUnread, isThere } from '../unread-body.ts';

/** Looks for late bodies in the time that one has. */
const LOOKS = 30;

/**
 * Ends a request whose body does not come in time. Node's own `requestTimeout` does this for a whole server; here uploads, which may rightly take
 * long, are left out.
 */
export const bodyDeadline = fp(async (app: FastifyInstance, { deadlineMs }: { deadlineMs: number }) => {
  /** Requests whose body is not there yet, the oldest first, with when it has to be. One look at all of them is cheaper than a timer for each. */
  const awaited = new Map<FastifyRequest, { reply: FastifyReply; dueAt: number }>();
  const look = setInterval(() => {
    const now = performance.now();
    for (const [request, { reply, dueAt }] of awaited) {
      if (dueAt > now) break;
      awaited.delete(request);
      if (!isThere(request)) endUnread(request, reply, new ChatError('REQUEST_TIMEOUT'));
    }
  }, deadlineMs / LOOKS);
  look.unref();

  app.addHook('onRequest', (request, reply, done) => {
    if (!request.routeOptions.config.streams) awaited.set(request, { reply, dueAt: performance.now() + deadlineMs });
    done();
  });
  // One that was refused before its body came is still awaited: whoever drips it holds the connection.
  const check = (request: FastifyRequest, _reply: unknown, done: () => void) => {
    if (isThere(request)) awaited.delete(request);
    done();
  };
  app.addHook('preValidation', check);
  app.addHook('onResponse', check);
  app.addHook('onRequestAbort', (request, done) => {
    awaited.delete(request);
    done();
  });
  app.addHook('onClose', async () => clearInterval(look));
});

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that reads its body as a stream, with limits of its own. */
    streams?: boolean;
  }
}
