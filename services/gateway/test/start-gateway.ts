import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiBus, GatewayBus, OutboundEvent } from '@confab/chat';
import type { Message } from '@confab/contracts';
import { createMemoryBus } from '@confab/memory';
import { createLogger, createTokenVerifier } from '@confab/service-kit';
import { mintToken } from '@confab/testkit';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { createGateway, type Gateway, type GatewayConfig, loadGatewayConfig } from '../src/index.ts';

export const SECRET = 'a-secret-of-the-tests-with-more-than-32-characters';
export const ORIGIN = 'http://localhost:3000';
export const CONVERSATION = 'a'.repeat(24);

export const tokenOf = (userId: string, claims: Record<string, unknown> = {}) =>
  mintToken(SECRET, { sub: userId, ...claims });

/** A gateway with a bus, its log lines, and its clients, which all go away with `close`. */
export interface TestGateway {
  gateway: Gateway;
  api: ApiBus;
  url: string;
  lines: string[];
  /** A client that is on its way; not yet connected. */
  client(token: string, options?: Partial<ManagerOptions & SocketOptions>): Socket;
  /** A connected client. */
  connect(token: string, options?: Partial<ManagerOptions & SocketOptions>): Promise<Socket>;
  publish(event: Partial<OutboundEvent>, to: string[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface StartOptions {
  config?: Partial<GatewayConfig>;
  buses?: { api: ApiBus; gateway: GatewayBus };
}

export async function startGateway({ config = {}, buses = memoryBuses() }: StartOptions = {}): Promise<TestGateway> {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'gateway',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  });
  const full = {
    ...loadGatewayConfig({ JWT_SECRET: SECRET, API_URL: 'http://127.0.0.1:1' }),
    HOST: '127.0.0.1',
    PORT: 0,
    DRAIN_MS: 200,
    ...config,
  };
  const verifier = createTokenVerifier(full);
  const gateway = createGateway({ config: full, bus: buses.gateway, verifier, logger, apiUrl: full.API_URL });
  await gateway.start();
  const url = `http://127.0.0.1:${gateway.port}`;
  const clients: Socket[] = [];
  const client: TestGateway['client'] = (token, options = {}) => {
    const socket = io(url, {
      auth: { token },
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      ...options,
    });
    clients.push(socket);
    return socket;
  };
  return {
    gateway,
    api: buses.api,
    url,
    lines,
    client,
    async connect(token, options) {
      const socket = client(token, options);
      await connected(socket);
      return socket;
    },
    publish: (event, to) =>
      buses.api.publisher.publish({ event: 'new:message', payload: '{}', traceId: 'test-trace', ...event }, to),
    async close() {
      for (const socket of clients) socket.close();
      await gateway.close();
      await buses.gateway.close();
      await buses.api.close();
    },
  };
}

export function memoryBuses(gatewayId = 'g1') {
  const bus = createMemoryBus();
  return { bus, api: bus.api, gateway: bus.gateway({ gatewayId }) };
}

/** @throws what the server refused it with */
export function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.connected) return resolve();
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
}

export const next = async <T>(socket: Socket, event: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within 8 s`)), 8_000);
    socket.once(event, (value: T) => {
      clearTimeout(timer);
      resolve(value);
    });
  });

export interface Ack {
  success: boolean;
  data?: Record<string, unknown>;
  error?: { code: string; message: string; field?: string; retryAfter?: number };
}
export const emit = (socket: Socket, event: string, ...args: unknown[]): Promise<Ack> =>
  socket.timeout(8_000).emitWithAck(event, ...args);

export const messageOf = (fields: Partial<Message> = {}): Message => ({
  _id: 'b'.repeat(24),
  conversationId: CONVERSATION,
  seq: 1,
  changeSeq: 0,
  senderId: { _id: 'u1', firstName: '', lastName: '', name: '', profileImage: null },
  text: 'hi',
  media: [],
  messageType: 'text',
  status: 'sent',
  replyTo: null,
  deletedAt: null,
  createdAt: '2024-01-01T00:00:00.000Z',
  updatedAt: '2024-01-01T00:00:00.000Z',
  ...fields,
});

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/**
 * A small HTTP server in place of the api: answers membership and sends, and remembers what it was asked. `answer` may take over.
 */
export async function startApiStandIn(participants: string[]) {
  const seen: SeenRequest[] = [];
  const state: { participants: string[]; answer?: (request: SeenRequest, response: ServerResponse) => boolean } = {
    participants,
  };
  let seq = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    seen.push(entry);
    if (state.answer?.(entry, response)) return;
    const userId = JSON.parse(
      Buffer.from(request.headers.authorization?.split('.')[1] ?? '', 'base64url').toString(),
    ).sub;
    if (!state.participants.includes(userId))
      return reply(response, 404, { success: false, error: { code: 'NOT_FOUND', message: 'Not found' } });
    if (entry.method === 'GET')
      return reply(response, 200, {
        success: true,
        data: { conversationId: CONVERSATION, participants: state.participants, isGroup: false },
      });
    seq += 1;
    reply(response, 201, { success: true, data: messageOf({ ...JSON.parse(body), seq }) });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    state,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
