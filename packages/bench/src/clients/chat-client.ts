import { WebSocket } from 'ws';

/**
 * The least that speaks Socket.IO over a WebSocket: it connects, answers heartbeats, emits, and hands over what comes undecoded, so
 * that thousands of them leave the processor to what is measured.
 */
export interface ChatClient {
  emit(event: string, payload: unknown): void;
  close(): void;
}

export interface ChatClientOptions {
  url: string;
  token: string;
  /** Text of every event packet (`42[...]`). */
  onEvent(packet: string): void;
}

const EVENT = '42';
const PING = '2';
const CONNECT_MS = 15_000;

/** @throws Error if it is refused, or not connected in time */
export function connectChatClient({ url, token, onEvent }: ChatClientOptions): Promise<ChatClient> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, {
    perMessageDeflate: false,
  });
  const client: ChatClient = {
    emit: (event, payload) => socket.send(`${EVENT}${JSON.stringify([event, payload])}`),
    close: () => socket.terminate(),
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not connected to ${url} within ${CONNECT_MS} ms`)), CONNECT_MS);
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const packet = data.toString('latin1');
      if (packet.startsWith(EVENT)) return onEvent(packet);
      if (packet === PING) return socket.send('3');
      if (packet.startsWith('0')) return socket.send(`40${JSON.stringify({ token })}`);
      if (packet.startsWith('44')) return reject(new Error(`refused: ${packet}`));
      if (!packet.startsWith('40')) return;
      clearTimeout(timer);
      resolve(client);
    });
  });
}

/** Connects many, a few at a time. */
export async function connectMany<T>(count: number, connect: (index: number) => Promise<T>, atOnce = 50): Promise<T[]> {
  const connected: T[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const size = Math.min(atOnce, count - from);
    connected.push(...(await Promise.all(Array.from({ length: size }, (_, i) => connect(from + i)))));
  }
  return connected;
}

export function closeAll(clients: readonly { close(): void }[]): void {
  for (const client of clients) client.close();
}
