import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { sendOne } from '../test/send-one.ts';
import { type ApiClient, createApiClient, readReply } from './api-client.ts';

let server: Server;
let client: ApiClient;
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

async function serve(handler: Parameters<typeof createServer>[1], options = {}): Promise<string> {
  server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createApiClient({ url, timeoutMs: 500, maxInFlight: 3, ...options });
  return url;
}
const caller = () => ({ token: 'a.b.c', address: '203.0.113.1', traceId: 't'.repeat(32), apiCalls: { inFlight: 0 } });
const C = 'c'.repeat(24);

it('settles within its timeout when the api does not answer', async () => {
  await serve(() => {});
  const startedAt = performance.now();
  await expect(client.membership(caller(), C)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfter: 1 });
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  expect(client.inFlight).toBe(0);
});

it('refuses more calls at a time than are allowed, per gateway and per socket', async () => {
  await serve(() => {}, { maxInFlightPerSocket: 2 });
  const one = caller();
  const calls = [client.membership(one, C), client.membership(one, C)];
  const send = { conversationId: C, text: 'x' };
  await expect(sendOne(client, one, send)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfter: 1 });
  calls.push(client.membership(caller(), C));
  await expect(client.membership(caller(), C)).rejects.toMatchObject({ code: 'OVERLOADED' });
  await Promise.allSettled(calls);
});

it('lets questions of one socket wait for each other, within the timeout of each', async () => {
  const asked: ServerResponse[] = [];
  let most = 0;
  await serve(
    (_request, response) => {
      asked.push(response);
      most = Math.max(most, asked.length);
      setImmediate(() => {
        asked.shift();
        response.end(JSON.stringify({ success: true, data: { participants: [], isGroup: false } }));
      });
    },
    { maxInFlightPerSocket: 2, maxInFlight: 100 },
  );
  const one = caller();
  const answers = await Promise.all(Array.from({ length: 30 }, () => client.membership(one, C)));
  expect(answers).toHaveLength(30);
  expect(most).toBeLessThanOrEqual(2);
  expect([client.inFlight, one.apiCalls.inFlight]).toEqual([0, 0]);
});

it('answers questions that waited in vain when their time is over', async () => {
  await serve(() => {}, { maxInFlightPerSocket: 1, maxInFlight: 100 });
  const one = caller();
  const startedAt = performance.now();
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => client.membership(one, C)));
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
});

it('refuses calls while too many that were given up still wait for a connection', async () => {
  await serve(() => {});
  // TCP connects, but the TLS handshake never ends.
  const silent = createTcpServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const unreachable = createApiClient({ url, timeoutMs: 200, maxInFlight: 10, connections: 1 });
  try {
    const calls = Array.from({ length: 10 }, () => unreachable.membership(caller(), C));
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE', retryAfter: 1 } });
    }
    expect(unreachable.inFlight).toBe(0);
    const send = (text: string) => sendOne(unreachable, caller(), { conversationId: C, text, clientMessageId: text });
    // A connect that times out takes one of them along: its place may go to the first.
    const [, ...others] = await Promise.allSettled([
      unreachable.membership(caller(), C),
      unreachable.membership(caller(), C),
      ...['a', 'b', 'c'].map(send),
    ]);
    for (const outcome of others) expect(outcome).toMatchObject({ reason: { code: 'OVERLOADED', retryAfter: 1 } });
  } finally {
    await unreachable.close();
    silent.close();
  }
});

it('repeats a call over a lost connection only where that can do no harm', async () => {
  let requests = 0;
  await serve((request, response) => {
    requests += 1;
    if (requests % 2 === 1) return request.socket.destroy();
    response.end('{"success":true,"data":{"participants":["a"],"isGroup":false}}');
  });
  expect((await client.membership(caller(), C)).participants).toEqual(['a']);
  expect(requests).toBe(2);
  await expect(sendOne(client, caller(), { conversationId: C, text: 'x' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(requests).toBe(3);
  requests = 0;
  await sendOne(client, caller(), { conversationId: C, text: 'x', clientMessageId: 'mine' });
  expect(requests).toBe(2);
});

it('waits a moment for an api that is just being replaced, since nothing was sent yet', async () => {
  const url = await serve(() => {});
  const port = Number(new URL(url).port);
  server.close();
  setTimeout(() => {
    server = createServer((_request, response) => response.end('{"success":true,"data":{"_id":"m1"}}')).listen(
      port,
      '127.0.0.1',
    );
  }, 50);
  expect(await sendOne(client, caller(), { conversationId: C, text: 'x' })).toEqual({ _id: 'm1' });
});

it.each([
  [400, '{"success":false,"error":{"code":"VALIDATION_FAILED","message":"bad","field":"text"}}', 'VALIDATION_FAILED'],
  [500, 'oops', 'UNAVAILABLE'],
  [200, 'oops', 'UNAVAILABLE'],
  [200, '{"success":false}', 'UNAVAILABLE'],
  [404, '{"message":"Route not found"}', 'UNAVAILABLE'],
  [400, '{"success":false,"error":{"code":"__proto__"}}', 'UNAVAILABLE'],
  [400, 'null', 'UNAVAILABLE'],
])('reads %i %s as %s', async (status, text, code) => {
  await serve(() => {});
  expect(() => readReply(status, text)).toThrow(expect.objectContaining({ code }));
});
