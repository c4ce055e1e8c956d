import type { EventEmitter } from 'node:events';

/** Resolves once a socket is closed. `once(socket, 'close')` rejects where a reset by the other side comes first, which is a way to close too. */
export function untilClosed(socket: EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {
      // The close that follows is what is waited for.
    });
    socket.once('close', () => resolve());
  });
}
