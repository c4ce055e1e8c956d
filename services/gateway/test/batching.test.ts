import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type BatchingWebSocket, BatchingWebSocketServer } from '../src/batching-websocket.ts';
import { TextFrames } from '../src/text-frame.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A connection with its server's side, and the writes that reach the operating system. */
async function connect() {
  const http = createServer();
  const server = new BatchingWebSocketServer({ server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const received: string[] = [];
  client.on('message', (data) => received.push(data.toString()));
  const [[websocket, request]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  const socket = (request as { socket: Socket }).socket;
  ends.push(
    () => client.terminate(),
    () => server.close(),
    () => http.close(),
  );
  return { websocket: websocket as BatchingWebSocket, socket, client, received };
}

it('hands over the texts of one turn at once, in order, and the next turn’s after them', async () => {
  const { websocket, socket, client, received } = await connect();
  const before = socket.bytesWritten;
  const sent: string[] = [];
  for (const text of ['one', 'two', 'three']) websocket.send(text, () => sent.push(text));
  expect(sent).toEqual(['one', 'two', 'three']);
  expect(socket.writableLength).toBe(3 * 2 + 'onetwothree'.length);
  await Promise.resolve();
  expect(socket.writableLength).toBe(0);
  expect(socket.bytesWritten - before).toBe(3 * 2 + 'onetwothree'.length);
  websocket.send('four');
  while (received.length < 4) await once(client, 'message');
  expect(received).toEqual(['one', 'two', 'three', 'four']);
});

it('hands over frames as the texts that they are, after what is held back before them', async () => {
  const { websocket, socket, client, received } = await connect();
  const before = socket.bytesWritten;
  const sent: string[] = [];
  websocket.send(new TextFrames(['one', 'two']), () => sent.push('frames'));
  expect(sent).toEqual(['frames']);
  expect(socket.bytesWritten - before).toBe(2 * 2 + 'onetwo'.length);
  websocket.send('three');
  websocket.send(new TextFrames(['four', 'five']));
  while (received.length < 5) await once(client, 'message');
  expect(received).toEqual(['one', 'two', 'three', 'four', 'five']);
});

it('does not take frames for sent while the other side takes nothing', async () => {
  const { websocket, client, socket } = await connect();
  client.pause();
  let sent = 0;
  let handedOver = 0;
  const frames = new TextFrames(['x'.repeat(20_000), 'y'.repeat(20_000)]);
  while (handedOver === sent) {
    handedOver += 1;
    websocket.send(frames, () => {
      sent += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(socket.writableLength).toBeGreaterThan(64 * 1_024);
  client.resume();
  while (sent < handedOver) await new Promise((resolve) => setImmediate(resolve));
});

it('does not take a text for sent while the other side takes nothing', async () => {
  const { websocket, client, socket } = await connect();
  client.pause();
  let sent = 0;
  let handedOver = 0;
  const text = 'x'.repeat(32_768);
  while (handedOver === sent) {
    handedOver += 1;
    websocket.send(text, () => {
      sent += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(socket.writableLength).toBeGreaterThan(64 * 1_024);
  client.resume();
  while (sent < handedOver) await new Promise((resolve) => setImmediate(resolve));
});

it('delivers what was handed over before the connection is cut', async () => {
  const { websocket, client, received } = await connect();
  websocket.send('the reason');
  websocket.terminate();
  await once(client, 'close');
  expect(received).toEqual(['the reason']);
});

it('says what is not taken any more by ws’s own rules', async () => {
  const { websocket, client } = await connect();
  client.terminate();
  await once(websocket, 'close');
  const error = await new Promise((resolve) => websocket.send('late', resolve));
  expect(error).toBeInstanceOf(Error);
});
