import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RawWebSocketOptions {
  port: number;
  host?: string;
  path?: string;
  headers?: Record<string, string>;
}

/** `answer` is what came back first: the status line and headers. */
export type RawWebSocket = Socket & { answer: string };

/** A TCP connection that was upgraded to a WebSocket and sends what it likes. Being cut is no error: it is what attacks wait for. */
export async function rawWebSocket({
  port,
  host = '127.0.0.1',
  path,
  headers = {},
}: RawWebSocketOptions): Promise<RawWebSocket> {
  const socket = connect(port, host);
  socket.on('error', () => {});
  const lines = [
    `GET ${path ?? '/socket.io/?EIO=4&transport=websocket'} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return Object.assign(socket, { answer: answer.toString('latin1') });
}

/** A masked client frame of up to 64 KB; the mask is zero. */
export function clientFrame(opcode: number, payload: Buffer, fin = true): Buffer {
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...size, 0, 0, 0, 0]), payload]);
}

const repeated = (count: number, what: Buffer) => Buffer.concat(Array<Buffer>(count).fill(what));
const firstFragment = clientFrame(0x1, Buffer.from('4'), false);

/**
 * As `rawWebSocket`, again until the upgrade is answered: a server that is overloaded, or limits handshakes, refuses some. An attack on
 * a refused connection would prove nothing.
 * @throws Error with the last answer after `deadlineMs`
 */
export async function openedWebSocket(options: RawWebSocketOptions, deadlineMs = 15_000): Promise<RawWebSocket> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const socket = await rawWebSocket(options);
    if (socket.answer.startsWith('HTTP/1.1 101')) return socket;
    socket.destroy();
    if (performance.now() > end) throw new Error(`no upgrade: ${socket.answer.split('\r\n')[0]}`);
    await sleep(100);
  }
}

export interface Flood {
  name: string;
  /** Sent once. */
  begin?: Buffer;
  /** Sent again and again. */
  chunk: Buffer;
}

/** What a WebSocket can be flooded with below the level of events. */
export const floods: readonly Flood[] = [
  { name: 'pings', chunk: repeated(500, clientFrame(0x9, Buffer.alloc(125))) },
  { name: 'pongs', chunk: repeated(500, clientFrame(0xa, Buffer.alloc(125))) },
  { name: 'fragments', begin: firstFragment, chunk: repeated(500, clientFrame(0x0, Buffer.alloc(100), false)) },
  { name: 'empty fragments', begin: firstFragment, chunk: repeated(5_000, clientFrame(0x0, Buffer.alloc(0), false)) },
  { name: 'packets', chunk: repeated(500, clientFrame(0x1, Buffer.from('40'))) },
  { name: 'heartbeats', chunk: repeated(500, clientFrame(0x1, Buffer.from('3'))) },
  { name: 'acks', chunk: repeated(500, clientFrame(0x1, Buffer.from('431[]'))) },
  { name: 'events', chunk: repeated(500, clientFrame(0x1, Buffer.from('42["typing:start",{}]'))) },
];

/**
 * Sends a flood, without reading, until the connection is cut.
 * @param whileFlooding called between writes
 * @returns milliseconds until the cut; infinite if there was none within `giveUpMs`
 */
export async function floodUntilCut(
  socket: Socket,
  { begin, chunk }: Flood,
  { giveUpMs = 8_000, whileFlooding = () => {} }: { giveUpMs?: number; whileFlooding?: () => void } = {},
): Promise<number> {
  const startedAt = performance.now();
  socket.pause();
  if (begin) socket.write(begin);
  while (!socket.destroyed && performance.now() - startedAt < giveUpMs) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), sleep(10)]);
    whileFlooding();
    await sleep(0);
  }
  const ms = socket.destroyed ? performance.now() - startedAt : Number.POSITIVE_INFINITY;
  socket.destroy();
  return ms;
}
