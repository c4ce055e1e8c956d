/** What a socket tells of. */
export interface SocketEvents {
  onConnect(): void;
  /** @param data what follows the event's name, as text */
  onEvent(data: string): void;
  /** It ended, or never connected. */
  onEnd(reason: string): void;
}

export interface LoadSocket {
  close(): void;
}

/**
 * A Socket.IO client with nothing that costs: one WebSocket that speaks Engine.IO 4 and Socket.IO 5, no parsing of events, no
 * reconnection. So that what is measured is the gateway, and thousands fit into one process.
 */
export function openSocket(url: string, token: string, events: SocketEvents): LoadSocket {
  const address = new URL('/socket.io/?EIO=4&transport=websocket', url.replace(/^http/, 'ws'));
  const socket = new WebSocket(address);
  let ended = false;
  const end = (reason: string) => {
    if (ended) return;
    ended = true;
    events.onEnd(reason);
  };
  socket.onerror = (error) => end(('message' in error && String(error.message)) || 'the connection failed');
  socket.onclose = ({ code }) => end(`closed with ${code}`);
  socket.onmessage = ({ data }) => {
    const packet = String(data);
    if (packet === '2') socket.send('3');
    else if (packet.startsWith('42')) events.onEvent(packet);
    else if (packet.startsWith('40')) events.onConnect();
    else if (packet.startsWith('44')) end(packet.slice(2, 200));
    else if (packet.startsWith('0')) socket.send(`40${JSON.stringify({ token })}`);
    else if (packet.startsWith('41')) end('the gateway ended the session');
  };
  return {
    close() {
      ended = true;
      socket.close();
    },
  };
}
