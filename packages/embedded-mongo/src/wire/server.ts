/** The TCP listener. */
import { createServer, type Server, type Socket } from 'node:net';
import { type RequestHandler, serveConnection } from './connection.ts';

export interface WireServer {
  readonly port: number;
  /** Stops accepting, drops the connections. */
  close(): Promise<void>;
}

/** Listens; `handlerFor` makes the handler of each connection. */
export async function listen(
  host: string,
  port: number,
  handlerFor: (connectionId: number) => { handle: RequestHandler; onClose: () => void },
): Promise<WireServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const { handle, onClose } = handlerFor(++connections);
    serveConnection(socket, handle, () => {
      sockets.delete(socket);
      onClose();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
