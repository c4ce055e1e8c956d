import { ChatError } from '@confab/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { sendFailure } from './failures.ts';

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
      if (!isThere(request)) end(request, reply);
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

/** Says so, unless it was answered already, and ends the connection: what comes of the body would be taken for the next request. */
function end({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (reply.sent) {
    raw.destroy();
    return;
  }
  reply.raw.once('finish', () => raw.destroy());
  sendFailure(reply.header('connection', 'close'), new ChatError('REQUEST_TIMEOUT'));
}

/** Of Node's own requests `complete` tells it, of those of other transports that it was read. */
const isThere = ({ raw }: FastifyRequest) => raw.complete || raw.readableEnded || raw.destroyed;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that reads its body as a stream, with limits of its own. */
    streams?: boolean;
  }
}
