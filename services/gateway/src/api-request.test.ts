import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { afterEach, expect, it } from 'vitest';
import { requestApi } from './api-request.ts';

let server: Server;
let pool: Pool;
afterEach(async () => {
  await pool.destroy();
  server.closeAllConnections();
  server.close();
});

async function serve(handler: RequestListener): Promise<void> {
  server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 });
}

const ask = (path: string, ms: number, body: string | null = null) =>
  requestApi(pool, { method: body === null ? 'GET' : 'POST', path, headers: {}, body }, performance.now() + ms);

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
