import { io } from 'socket.io-client';

/** The part of a socket.io-client socket that the client uses; tests give their own. */
export interface ChatSocket {
  readonly connected: boolean;
  auth: Record<string, unknown> | ((callback: (data: object) => void) => void);
  connect(): unknown;
  disconnect(): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
  onAny(listener: (...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  timeout(ms: number): { emitWithAck(event: string, ...args: unknown[]): Promise<unknown> };
}

export interface SocketOptions {
  /** Where the gateway is; absent: where the page came from. */
  url: string | undefined;
  path: string | undefined;
  transports: string[] | undefined;
}

/** A socket that connects and reconnects only when it is told to: `Connection` decides when, and with which token. */
export function createSocket({ url, path, transports }: SocketOptions): ChatSocket {
  const options = {
    autoConnect: false,
    reconnection: false,
    forceNew: true,
    timeout: 10_000,
    // A WebSocket first; where a proxy forbids it, polling. The other way round costs two round trips more.
    transports: transports ?? ['websocket', 'polling'],
    tryAllTransports: true,
    ...(path !== undefined && { path }),
  };
  return url === undefined ? io(options) : io(url, options);
}
