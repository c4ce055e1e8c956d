import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { TextFrames, textFrame } from './text-frame.ts';

/** Answers a handshake, then writes the frames of these texts, and once more together. */
const texts = [
  '',
  'a',
  'x'.repeat(125),
  'x'.repeat(126),
  'é'.repeat(200),
  'x'.repeat(65_535),
  'x'.repeat(65_536),
  'x'.repeat(65_536),
];
const server = createServer((socket) => {
  socket.once('data', (request) => {
    const key = /sec-websocket-key: (\S+)/i.exec(request.toString())?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    for (const text of texts) socket.write(textFrame(text));
    socket.write(new TextFrames(texts));
  });
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

it('makes frames that a WebSocket client reads, of every length, one by one and several together', async () => {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const read: string[] = [];
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('message', (data) => {
      read.push(data.toString());
      if (read.length === 2 * texts.length) resolve();
    });
  });
  client.terminate();
  expect(read).toEqual([...texts, ...texts]);
});

it('makes the frame of a text that goes to many only once', () => {
  expect(textFrame('same')).toBe(textFrame('same'));
  expect(textFrame('other')).not.toBe(textFrame('same'));
});
