import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Health } from './health.ts';

/** An answer that any HTTP server can send. */
export interface OperationsReply {
  status: number;
  type: string;
  body: string;
}

export interface Operations {
  /** `/healthz` (alive), `/readyz` (may get traffic), `/metrics` (Prometheus text). */
  readonly paths: readonly string[];
  /** The answer to one of the paths; null for any other. For fastify: `reply.code(r.status).type(r.type).send(r.body)`. */
  reply(path: string): Promise<OperationsReply | null>;
  /** For a bare node:http server. @returns false if the request is for somebody else */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/** What operators ask a service for, the same on every service. */
export function createOperations({ health, metrics }: { health: Health; metrics: Registry }): Operations {
  const answers: Record<string, () => Promise<OperationsReply>> = {
    '/healthz': async () => json(health.live()),
    '/readyz': async () => json(await health.ready()),
    '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await metrics.metrics() }),
  };
  const reply = async (path: string) => (Object.hasOwn(answers, path) ? ((await answers[path]?.()) ?? null) : null);
  return {
    paths: Object.keys(answers),
    reply,
    handle(request, response) {
      const path = request.url?.split('?', 1)[0] ?? '';
      if ((request.method !== 'GET' && request.method !== 'HEAD') || !Object.hasOwn(answers, path)) return false;
      reply(path).then(
        (answer) => send(response, answer ?? failure),
        () => send(response, failure),
      );
      return true;
    },
  };
}

const json = (report: { ok: boolean }): OperationsReply => ({
  status: report.ok ? 200 : 503,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(report),
});

const failure: OperationsReply = { status: 500, type: 'text/plain', body: 'failed' };

function send(response: ServerResponse, { status, type, body }: OperationsReply): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

/** A server with nothing but the operations, for services that have no other (the worker). */
export function createOperationsServer(operations: Operations, { host, port }: { host: string; port: number }) {
  const server = createServer((request, response) => {
    if (!operations.handle(request, response)) response.writeHead(404).end();
  });
  return {
    /** @returns the port that it listens on */
    start: () =>
      new Promise<number>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
