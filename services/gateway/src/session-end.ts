import { type DisconnectCode, disconnectCatalogue } from '@confab/contracts';
import type { Carriers } from './engine-connection.ts';
import type { GatewaySocket } from './session.ts';

/** Milliseconds that a client has to take its last events before the connection is cut. */
const GRACE_MS = 1_000;

/**
 * Ends a socket: it leaves its rooms at once, so that no further event reaches it; gets `session:end` with the reason; and is
 * closed. Where the client should come back, only the transport closes: then socket.io-client reconnects by itself. Where it should
 * not, the server says goodbye, and it does not.
 */
export type EndSession = (socket: GatewaySocket, code: DisconnectCode, retryAfter?: number) => void;

export function createEndSession(carriers: Carriers, onEnd: (code: DisconnectCode) => void): EndSession {
  return (socket, code, retryAfter) => {
    if (socket.data.ended) return;
    socket.data.ended = true;
    onEnd(code);
    for (const room of socket.rooms) socket.leave(room);
    const { message, reconnect } = disconnectCatalogue[code];
    socket.emit('session:end', { code, message, reconnect, ...(retryAfter !== undefined && { retryAfter }) });
    const connection = socket.conn;
    if (reconnect === 'yes') connection.close();
    else socket.disconnect(true);
    setTimeout(() => carriers.terminate(connection), GRACE_MS).unref();
  };
}
