import { createServer, connect as dial, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that answers every chunk with `re:` and the chunk. */
async function echoServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(`re:${chunk.toString()}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as { port: number }).port, sockets };
}

async function client(port: number) {
  const socket = dial({ host: '127.0.0.1', port });
  const state = { received: '', closed: false };
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    state.received += chunk.toString();
  });
  socket.on('close', () => {
    state.closed = true;
  });
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  closers.push(() => socket.destroy());
  return { socket, state };
}

async function proxied() {
  const server = await echoServer();
  const proxy = await startTcpProxy(server);
  closers.push(() => proxy.close());
  return { server, proxy };
}

test('passes both directions, and the end of one side to the other', async () => {
  const { server, proxy } = await proxied();
  const { socket, state } = await client(proxy.port);
  socket.write('hello');
  await eventually(() => expect(state.received).toBe('re:hello'));
  for (const upstream of server.sockets) upstream.destroy();
  await eventually(() => expect(state.closed).toBe(true));
  await eventually(() => expect(proxy.connections).toBe(0));
});

test('loses the reply to a request that matches, and with it the later ones of that connection only', async () => {
  const { server, proxy } = await proxied();
  const { socket, state } = await client(proxy.port);
  const other = await client(proxy.port);
  const rule = proxy.loseReplies({ request: /second/, times: 1, how: 'swallow' });
  socket.write('first');
  await eventually(() => expect(state.received).toBe('re:first'));
  socket.write('second');
  await rule.done;
  const reached = new Promise<void>((resolve) => {
    for (const upstream of server.sockets) upstream.on('data', (chunk) => `${chunk}` === 'third' && resolve());
  });
  socket.write('third');
  await reached;
  other.socket.write('second');
  await eventually(() => expect(other.state.received).toBe('re:second'));
  expect(state).toEqual({ received: 're:first', closed: false });
  expect(proxy.lostReplies).toBe(1);
});

test('cuts the connection instead of the reply', async () => {
  const { proxy } = await proxied();
  const { socket, state } = await client(proxy.port);
  proxy.loseReplies({ request: /write/, times: 1, how: 'cut' });
  socket.write('write');
  await eventually(() => expect(state).toEqual({ received: '', closed: true }));
});

test('a stall keeps replies back until it is healed', async () => {
  const { server, proxy } = await proxied();
  const { socket, state } = await client(proxy.port);
  socket.write('a');
  await eventually(() => expect(state.received).toBe('re:a'));
  proxy.stall();
  let reached = false;
  for (const upstream of server.sockets) upstream.once('data', () => (reached = true));
  socket.write('b');
  await eventually(() => expect(reached).toBe(true));
  expect(state.received).toBe('re:a');
  proxy.heal();
  await eventually(() => expect(state.received).toBe('re:are:b'));
});

test('in a black hole nobody is told of anything; new connections work', async () => {
  const { server, proxy } = await proxied();
  const { socket, state } = await client(proxy.port);
  socket.write('a');
  await eventually(() => expect(state.received).toBe('re:a'));
  expect(proxy.blackhole()).toBe(1);
  socket.write('lost');
  for (const upstream of server.sockets) upstream.destroy();
  const other = await client(proxy.port);
  other.socket.write('b');
  await eventually(() => expect(other.state.received).toBe('re:b'));
  expect(state).toEqual({ received: 're:a', closed: false });
});

test('puts itself into a URL', async () => {
  const { proxy } = await proxied();
  expect(proxy.through('mongodb://u:p@127.0.0.1:27018/?retryWrites=false')).toBe(
    `mongodb://u:p@127.0.0.1:${proxy.port}/?retryWrites=false`,
  );
});
