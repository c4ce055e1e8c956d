import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** Milliseconds between looks for connections that have become idle. */
const SWEEP_MS = 100;

/**
 * Ends kept-alive connections with their last answer once the server closes. Else a closing server waits for each of them until its
 * keep-alive time is over, although its request was answered long ago.
 */
export const draining = fp(async (app: FastifyInstance) => {
  let sweeping: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    sweeping = setInterval(() => app.server.closeIdleConnections(), SWEEP_MS);
    sweeping.unref();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (sweeping) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onClose', async () => clearInterval(sweeping));
});
