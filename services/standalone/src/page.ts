import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Demo } from './demo.ts';

const DIST = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** What the page may do: its own scripts and styles, its own server, pictures and sound from https (media of messages). */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' https: http: data: blob:",
  "media-src 'self' https: http: blob:",
  "connect-src 'self' ws: wss: https:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The chat page at `/`, and the demo users that it offers. */
export async function servePage(app: FastifyInstance, demo: Demo | undefined): Promise<void> {
  if (demo) {
    app.get('/demo/users', { config: { operations: true } }, async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { users: demo.users };
    });
  }
  if (!existsSync(DIST)) return;
  await app.register(fastifyStatic, {
    root: DIST,
    setHeaders: (reply) => setPageHeaders(reply as unknown as FastifyReply['raw']),
  });
}

function setPageHeaders(reply: { setHeader(name: string, value: string): unknown }): void {
  reply.setHeader('content-security-policy', PAGE_POLICY);
}
