/**
 * The limit of what a gateway can do: it reads a Redis stream and passes each entry on over a raw WebSocket, knowing nothing of
 * chat. `?room=` of the connection says what it gets. MODE `single`: one ws.send per entry. MODE `broadcast`: the frame is encoded
 * once and written to every socket of the room.
 * Environment: REDIS_URL, STREAM, MODE.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { type WebSocket, WebSocketServer } from 'ws';

const { REDIS_URL = '', STREAM = '', MODE = 'single' } = process.env;
const rooms = new Map<string, { websocket: WebSocket; socket: Socket }[]>();

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (websocket, request: IncomingMessage) => {
  const room = new URL(request.url ?? '', 'http://peer').searchParams.get('room') ?? '';
  const members = rooms.get(room) ?? [];
  rooms.set(room, members);
  members.push({ websocket, socket: request.socket });
});
server.once('listening', () => {
  const address = server.address();
  if (address && typeof address === 'object') console.log(`listening on ${address.port}`);
});

/** A text frame as RFC 6455 has it, from a server: not masked. */
function frameOf(text: string): Buffer {
  const body = Buffer.from(text);
  const header = body.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
  header[0] = 0x81;
  header[1] = Math.min(body.length, 126);
  if (body.length >= 126) header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

function pass(room: string, text: string): void {
  const members = rooms.get(room) ?? [];
  if (MODE === 'single') {
    for (const { websocket } of members) websocket.send(text);
    return;
  }
  const frame = frameOf(text);
  for (const { socket } of members) socket.write(frame);
}

const redis = new Redis(REDIS_URL);
let last = '0';
for (;;) {
  const reply = await redis.xread('COUNT', 500, 'BLOCK', 1_000, 'STREAMS', STREAM, last);
  for (const [id, fields] of reply?.[0]?.[1] ?? []) {
    pass(fields[1] ?? '', fields[3] ?? '');
    last = id;
  }
}
