import { WebSocket } from 'ws';

/** A client of `peers/ws-pass-through`. */
export function connectRawClient(port: number, room: string, onMessage: () => void): Promise<{ close(): void }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/?room=${room}`, { perMessageDeflate: false });
  // As the chat client does it, so that both generators cost the same.
  socket.on('message', (data: Buffer) => {
    if (data.toString('latin1').startsWith('42')) onMessage();
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => resolve({ close: () => socket.terminate() }));
  });
}
