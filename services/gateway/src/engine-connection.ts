import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import type { GatewaySocket } from './session.ts';

/** The Engine.IO connection under a socket. */
export type EngineConnection = GatewaySocket['conn'];

/** A request as Engine.IO hands it to middlewares: with its query, and once it is upgraded with its WebSocket. */
export type EngineRequest = IncomingMessage & { _query?: Record<string, string>; websocket?: WebSocket };

/** Milliseconds that a client has to take part in closing. */
const CLOSE_MS = 1_000;

/**
 * Knows what carries each Engine.IO connection, which Engine.IO itself tells piecemeal: the WebSocket of the first request or of
 * the upgrade, and the responses of long polling that the client has not read yet.
 */
export class Carriers {
  readonly #upgrades = new Map<string, EngineRequest>();
  readonly #responses = new Map<string, Set<ServerResponse>>();
  readonly #known = new Set<string>();

  /** Follows a connection until it closes. */
  add(connection: EngineConnection): void {
    const sid = connection.transport.sid;
    this.#known.add(sid);
    connection.once('close', () => {
      // After a protocol error ws waits 30 s for the other side to close, and goes on reading meanwhile.
      const websocket = this.websocketOf(connection);
      if (websocket) setTimeout(() => websocket.terminate(), CLOSE_MS).unref();
      this.#known.delete(sid);
      this.#upgrades.delete(sid);
      this.#responses.delete(sid);
    });
  }

  /** Notes a further request of a connection. */
  note(request: EngineRequest, response: ServerResponse): void {
    const sid = request._query?.sid ?? '';
    if (!this.#known.has(sid)) return;
    if (request.headers.upgrade) {
      this.#upgrades.set(sid, request);
    } else if (request.method === 'GET') {
      this.#noteResponse(sid, response);
    }
  }

  #noteResponse(sid: string, response: ServerResponse): void {
    const open = this.#responses.get(sid) ?? new Set();
    this.#responses.set(sid, open.add(response));
    response.once('close', () => open.delete(response));
  }

  /** The WebSocket that carries the connection, if one does. */
  websocketOf(connection: EngineConnection): WebSocket | undefined {
    const upgraded = connection.upgraded ? this.#upgrades.get(sidOf(connection)) : undefined;
    return upgraded?.websocket ?? (connection.request as EngineRequest).websocket;
  }

  /** Bytes that were handed to the operating system's side of the connection and that it has not taken yet. */
  unsentBytes(connection: EngineConnection): number {
    const websocket = this.websocketOf(connection);
    if (websocket) return websocket.bufferedAmount;
    let bytes = 0;
    for (const response of this.#responses.get(sidOf(connection)) ?? []) bytes += response.writableLength;
    return bytes;
  }

  /** Ends the connection without waiting for the client. */
  terminate(connection: EngineConnection): void {
    const websocket = this.websocketOf(connection);
    for (const response of this.#responses.get(sidOf(connection)) ?? []) response.socket?.destroy();
    connection.close(true);
    websocket?.terminate();
  }
}

/** The session id, which Engine.IO types as private but puts on its transport. */
export const sidOf = (connection: EngineConnection) => (connection as unknown as { id: string }).id;
