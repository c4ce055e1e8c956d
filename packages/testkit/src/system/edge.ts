import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyServer } from 'httpxy';

/** A service behind the edge. */
export interface Upstream {
  url: string;
  /** Prefix of the Socket.IO session ids that this gateway gives out. */
  id?: string;
}

export interface Edge {
  url: string;
  port: number;
  close(): Promise<void>;
}

export interface EdgeOptions {
  port: number;
  host?: string;
  /** Asked on every request, so that services may come and go. */
  apis: () => readonly Upstream[];
  gateways: () => readonly Upstream[];
}

/** Milliseconds between two looks at the services' readiness. */
const PROBE_MS = 250;

/**
 * REST and Socket.IO on one origin, as a load balancer does it in production: requests go round the ready apis; a polling session stays
 * with the gateway that gave it its id. For running on one machine; see infra/nginx for deployments.
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });
  const proxy = createProxyServer({ agent, proxyTimeout: 60_000 });
  const readiness = watchReadiness(options);
  const turn = { api: 0, gateway: 0 };

  const pick = (request: IncomingMessage): Upstream | undefined => {
    if (!isSocketIo(request)) return next(readiness.ready(options.apis()), turn, 'api');
    const gateways = options.gateways();
    const sid = new URL(request.url ?? '/', 'http://edge').searchParams.get('sid');
    const holder = sid && gateways.find((gateway) => gateway.id !== undefined && sid.startsWith(gateway.id));
    return holder || next(readiness.ready(gateways), turn, 'gateway');
  };
  const headersFor = (request: IncomingMessage) => ({ 'x-forwarded-for': request.socket.remoteAddress ?? '' });

  const server = createServer((request, response) => {
    const upstream = pick(request);
    if (!upstream) return unavailable(response);
    const headers = headersFor(request);
    proxy.web(request, response, { target: upstream.url, headers }).catch(() => unavailable(response));
  });
  // The server forgets a connection once it is upgraded; we must not, or the end would wait for it.
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    const upstream = pick(request);
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    socket.on('error', () => socket.destroy());
    if (!upstream) return socket.destroy();
    const headers = headersFor(request);
    proxy.ws(request, socket as Socket, { target: upstream.url, headers }, head).catch(() => socket.destroy());
  });
  proxy.on('error', (_error, _request, response) => {
    if (response && 'writeHead' in response) unavailable(response);
    else response?.destroy();
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      closeServer(server, upgraded, () => {
        readiness.close();
        agent.destroy();
      }),
  };
}

const isSocketIo = (request: IncomingMessage): boolean => request.url?.startsWith('/socket.io/') === true;

function next(
  list: readonly Upstream[],
  turn: { api: number; gateway: number },
  kind: 'api' | 'gateway',
): Upstream | undefined {
  turn[kind] = (turn[kind] + 1) % Math.max(1, list.length);
  return list[turn[kind]];
}

/** The same words as the api's own refusals, so that a client handles both alike. */
function unavailable(response: ServerResponse): void {
  if (response.headersSent) return void response.destroy();
  const error = { code: 'UNAVAILABLE', message: 'No instance can take the request right now', retryAfter: 1 };
  response
    .writeHead(503, { 'content-type': 'application/json; charset=utf-8', 'retry-after': '1' })
    .end(JSON.stringify({ success: false, error, retryAfter: 1 }));
}

/** Asks `/readyz` of every service again and again. One that was never asked counts as ready: the first request decides. */
function watchReadiness({ apis, gateways }: EdgeOptions) {
  const notReady = new Set<string>();
  const probe = async ({ url }: Upstream) => {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) });
      await response.body?.cancel();
      if (response.ok) notReady.delete(url);
      else notReady.add(url);
    } catch {
      // No answer is an answer: nothing is listening there.
      notReady.add(url);
    }
  };
  const timer = setInterval(() => void Promise.all([...apis(), ...gateways()].map(probe)), PROBE_MS);
  return {
    ready: (list: readonly Upstream[]) => list.filter(({ url }) => !notReady.has(url)),
    close: () => clearInterval(timer),
  };
}

function listen(server: Server, { port, host = '127.0.0.1' }: EdgeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

function closeServer(server: Server, upgraded: ReadonlySet<Duplex>, release: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      release();
      resolve();
    });
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  });
}
