import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Pool } from 'undici';
import { afterEach, expect, it } from 'vitest';
import { ApiRequests } from './api-request.ts';

let server: Server;
let pool: Pool;
let requests: ApiRequests;
afterEach(async () => {
  await pool.destroy();
  server.closeAllConnections();
  server.close();
});

async function serve(handler: RequestListener): Promise<void> {
  server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 });
  requests = new ApiRequests(pool, 20);
}

const ask = (path: string, ms: number, body: string | null = null) =>
  requests.make({ method: body === null ? 'GET' : 'POST', path, headers: {}, body }, performance.now() + ms);

it('sends the body and reads the whole answer, in however many pieces it comes', async () => {
  await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.from(`${Buffer.concat(chunks).toString()} für alle 🙂`);
    response.writeHead(418);
    // In the middle of a character.
    for (const [from, to] of [[0, text.length - 2], [text.length - 2]]) {
      response.write(text.subarray(from, to));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  expect(await ask('/', 2_000, 'tea')).toEqual({ status: 418, text: 'tea für alle 🙂' });
  expect((await ask('/', 2_000, 'more')).text).toBe('more für alle 🙂');
});

it('fails at its deadline: without an answer, in the middle of one, and while it waits for a connection', async () => {
  const seen: string[] = [];
  await serve((request, response) => {
    seen.push(request.url ?? '');
    if (request.url === '/half') response.write('{"succ');
  });
  const within = async (path: string) => {
    const startedAt = performance.now();
    await expect(ask(path, 200)).rejects.toThrow('in time');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  };
  await Promise.all([within('/nothing'), within('/waits')]);
  await within('/half');
  // The one that waited was given up before its turn: it was never sent.
  expect(seen).toEqual(['/nothing', '/half']);
});

it('fails with what happened to the connection', async () => {
  await serve((request) => request.socket.destroy());
  await expect(ask('/', 2_000)).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
  server.close();
  await expect(ask('/', 2_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

it('gives up what waits for a connection without losing the connection for it', async () => {
  let hangs = true;
  let connects = 0;
  await serve((_request, response) => {
    if (!hangs) response.end();
  });
  server.on('connection', () => {
    connects += 1;
  });
  const first = ask('/hangs', 300);
  // Some are given up before the connection is free, and some have too little time left when it is.
  const waiting = Array.from({ length: 19 }, (_, index) => ask('/waits', index % 2 === 0 ? 100 : 310));
  for (const { status } of await Promise.allSettled([first, ...waiting])) expect(status).toBe('rejected');
  hangs = false;
  expect((await ask('/', 2_000)).status).toBe(200);
  // One for the request that hung and was ended with its connection, and one for all after it.
  expect(connects).toBe(2);
});

it('holds no more than it may while no connection comes about, and counts what was given up until it is gone', async () => {
  await serve(() => {});
  // TCP connects, but the TLS handshake never ends.
  const silent = createTcpServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const origin = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const unreachable = new Pool(origin, { connections: 4, connectTimeout: 60_000 });
  requests = new ApiRequests(unreachable, 20);
  const round = () => Promise.allSettled(Array.from({ length: 15 }, () => ask('/', 100)));
  const [one, two, three] = [await round(), await round(), await round()];
  const refused = (outcomes: PromiseSettledResult<unknown>[]) =>
    outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'OVERLOADED').length;
  expect([one, two, three].map(refused)).toEqual([0, 10, 15]);
  expect(unreachable.stats.size).toBe(20);
  const ended = unreachable.destroy();
  silent.close();
  await ended;
  // All of them are gone: what comes now is told of the pool's end, not refused.
  await expect(ask('/', 2_000)).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' });
});

it('makes no request that has too little time left for an answer', async () => {
  const seen: string[] = [];
  await serve((request, response) => {
    seen.push(request.url ?? '');
    response.end();
  });
  await ask('/first', 2_000);
  for (const ms of [-5, 0, 20]) await expect(ask('/late', ms)).rejects.toThrow('in time');
  await ask('/last', 2_000);
  expect(seen).toEqual(['/first', '/last']);
});
