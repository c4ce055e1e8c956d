import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { Demo } from './demo.ts';

const DIST = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** As `services/web/content-security-policy.ts` says: nothing inline, and text that can never become script. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data: https: http:",
  "media-src 'self' blob: https: http:",
  "font-src 'self'",
  // 'self' covers the sockets of this origin; https: is where uploads may go.
  "connect-src 'self' https:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
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
    // The build leaves .br and .gz beside each file.
    preCompressed: true,
    setHeaders: (reply, path) => {
      reply.header('content-security-policy', PAGE_POLICY);
      if (path.includes('/assets/')) reply.header('cache-control', 'public, max-age=31536000, immutable');
    },
  });
}
