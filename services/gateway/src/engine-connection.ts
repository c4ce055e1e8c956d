import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import type { WebSocket } from 'ws';
import type { GatewaySocket } from './session.ts';

/** The Engine.IO connection under a socket. */
export type EngineConnection = GatewaySocket['conn'];

/** A request as Engine.IO hands it to middlewares: with its query, and once it is upgraded with its WebSocket. */
export type EngineRequest = IncomingMessage & { _query?: Record<string, string>; websocket?: WebSocket };

/** Milliseconds that a client has to take part in closing. */
const CLOSE_MS = 1_000;

/** What carries one connection. */
interface Carrier {
  /** The client's own address, behind our proxies. */
  address: string;
  /** The TCP connection of the first request. */
  tcp: TcpSocket;
  websocket: WebSocket | undefined;
  /** The request that will carry the connection once its upgrade is through. */
  upgrade: EngineRequest | undefined;
  /** Answers to long polling that the client has not read yet. */
  responses: Set<ServerResponse> | undefined;
}

/**
 * Knows what carries each Engine.IO connection, which Engine.IO itself tells piecemeal: the WebSocket of the first request or of
 * the upgrade, and the responses of long polling that the client has not read yet.
 */
export class Carriers {
  readonly #carriers = new Map<string, Carrier>();
  /** What Engine.IO gives to middlewares as the response to an upgrade. It lives as long as the TCP connection, and holds the request. */
  readonly #upgradeResponses = new WeakMap<IncomingMessage, { req: unknown }>();

  /** Follows a connection, until `remove`. */
  add(connection: EngineConnection, address: string): void {
    const { socket: tcp, websocket } = connection.request as EngineRequest;
    this.#carriers.set(sidOf(connection), { address, tcp, websocket, upgrade: undefined, responses: undefined });
  }

  /** The connection is closed. */
  remove(connection: EngineConnection): void {
    const sid = sidOf(connection);
    // After a protocol error ws waits 30 s for the other side to close, and goes on reading meanwhile.
    const websocket = this.websocketOf(connection);
    if (websocket) setTimeout(() => websocket.terminate(), CLOSE_MS).unref();
    this.#carriers.delete(sid);
  }

  /** Notes a request: the first one of a connection or a further one. */
  note(request: EngineRequest, response: ServerResponse): void {
    if (request.headers.upgrade) this.#upgradeResponses.set(request, response);
    const carrier = this.#carriers.get(request._query?.sid ?? '');
    if (!carrier) return;
    if (request.headers.upgrade) noteUpgrade(carrier, request);
    else if (request.method === 'GET') noteResponse(carrier, response);
  }

  /**
   * Lets go of the request that opened the connection, with its headers: most of what an idle connection costs beside its sockets. What
   * is needed later (address, TCP connection, WebSocket) is kept here.
   */
  forgetRequest(connection: EngineConnection): void {
    this.#freeFromResponse(connection.request);
    // Socket.IO's documented way; its types do not know that the request may be gone.
    (connection as unknown as { request: EngineRequest | null }).request = null;
  }

  #freeFromResponse(request: IncomingMessage | null): void {
    const response = request && this.#upgradeResponses.get(request);
    if (response) response.req = null;
  }

  /** The client's own address; empty once the connection is closed. */
  addressOf(connection: EngineConnection): string {
    return this.#carriers.get(sidOf(connection))?.address ?? '';
  }

  /** Bytes that came over the first TCP connection. */
  bytesRead(connection: EngineConnection): number {
    return this.#carriers.get(sidOf(connection))?.tcp.bytesRead ?? 0;
  }

  /** The WebSocket that carries the connection, if one does. */
  websocketOf(connection: EngineConnection): WebSocket | undefined {
    const carrier = this.#carriers.get(sidOf(connection));
    if (!carrier) return undefined;
    if (carrier.upgrade && connection.upgraded) {
      carrier.websocket = carrier.upgrade.websocket;
      this.#freeFromResponse(carrier.upgrade);
      carrier.upgrade = undefined;
    }
    return carrier.websocket;
  }

  /** Bytes that were handed to the operating system's side of the connection and that it has not taken yet. */
  unsentBytes(connection: EngineConnection): number {
    const websocket = this.websocketOf(connection);
    if (websocket) return websocket.bufferedAmount;
    let bytes = 0;
    for (const response of this.#responsesOf(connection)) bytes += response.writableLength;
    return bytes;
  }

  /** Ends the connection without waiting for the client. */
  terminate(connection: EngineConnection): void {
    const websocket = this.websocketOf(connection);
    for (const response of this.#responsesOf(connection)) response.socket?.destroy();
    connection.close(true);
    websocket?.terminate();
  }

  /** Ends the connection and the TCP connection that it came by, at once: of somebody who takes no part in closing. */
  destroy(connection: EngineConnection): void {
    const tcp = this.#carriers.get(sidOf(connection))?.tcp;
    const websocket = this.websocketOf(connection);
    connection.close(true);
    tcp?.destroy();
    websocket?.terminate();
  }

  #responsesOf(connection: EngineConnection): Iterable<ServerResponse> {
    return this.#carriers.get(sidOf(connection))?.responses ?? [];
  }
}

/** Engine.IO takes one upgrade at a time, and none once there is a WebSocket: it closes those that come beside it. */
function noteUpgrade(carrier: Carrier, request: EngineRequest): void {
  const taken = carrier.websocket !== undefined || carrier.upgrade?.socket.destroyed === false;
  if (!taken) carrier.upgrade = request;
}

function noteResponse(carrier: Carrier, response: ServerResponse): void {
  const open = carrier.responses ?? new Set();
  carrier.responses = open.add(response);
  response.once('close', () => open.delete(response));
}

/** The session id, which Engine.IO types as private but puts on its transport. */
export const sidOf = (connection: EngineConnection) => (connection as unknown as { id: string }).id;

/**
 * Whether bytes pass through Engine.IO to the WebSocket as they are: not where there is none yet, nor where its client asked for text only
 * (`b64` in the query), which nothing but a protected field tells.
 */
export function takesFrames(connection: EngineConnection): boolean {
  const { transport } = connection as unknown as { transport: { name: string; supportsBinary: boolean } };
  return transport.name === 'websocket' && transport.supportsBinary;
}
