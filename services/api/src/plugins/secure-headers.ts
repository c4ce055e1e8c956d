import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';

/**
 * Helmet's headers on every reply. They are the same each time, so Helmet makes them once: making them anew, and writing them one by one past
 * Fastify, was a twentieth of what a send cost.
 */
export const secureHeaders = fp(async (app: FastifyInstance) => {
  await app.register(helmet, { global: false, contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } } });
  let headers: Record<string, string> | undefined;
  app.addHook('onRequest', (_request, reply, done) => {
    headers ??= takeHeaders(reply);
    reply.headers(headers);
    done();
  });
});

/** Lets Helmet write to this reply, and takes it back. */
function takeHeaders(reply: FastifyReply): Record<string, string> {
  const before = new Set(reply.raw.getHeaderNames());
  reply.helmet();
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.raw.getHeaders())) {
    if (before.has(name) || value === undefined) continue;
    headers[name] = String(value);
    reply.raw.removeHeader(name);
  }
  return headers;
}
