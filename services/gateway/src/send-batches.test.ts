import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routes } from '@confab/contracts';
import { afterEach, expect, it } from 'vitest';
import { sendOne } from '../test/send-one.ts';
import { type ApiClient, createApiClient } from './api-client.ts';

let server: Server;
let client: ApiClient;
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

interface Item {
  token: string;
  address: string;
  traceId: string;
  body: { text: string };
}

interface Received {
  path: string;
  token: string | undefined;
  items: Item[];
  reply(status: number, body: unknown): void;
  cut(): void;
}

/** An api that answers when the test says so. */
async function serve() {
  const received: Received[] = [];
  server = createServer(async (request, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { items?: Item[] } & Item['body'];
    received.push({
      path: request.url ?? '',
      token: request.headers.authorization,
      items: body.items ?? [{ token: '', address: '', traceId: '', body }],
      reply: (status, answer) => response.writeHead(status).end(JSON.stringify(answer)),
      cut: () => request.socket.destroy(),
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createApiClient({ url, timeoutMs: 2_000, maxInFlight: 100 });
  const request = (index: number) =>
    expect
      .poll(() => received.length, { timeout: 1_500 })
      .toBeGreaterThan(index)
      .then(() => received[index] as Received);
  return { received, request };
}

const conversationId = 'c'.repeat(24);
const send = (text: string, clientMessageId?: string) =>
  sendOne(
    client,
    { token: `token-${text}`, address: '203.0.113.1', traceId: 't'.repeat(32), apiCalls: { inFlight: 0 } },
    { conversationId, text, ...(clientMessageId !== undefined && { clientMessageId }) },
  );
const stored = ({ body }: Item) => ({ success: true, data: { _id: `id-${body.text}` } });
const answerAll = (request: Received) =>
  request.reply(200, { success: true, data: { results: request.items.map(stored) } });

it('sends a lone message at once by itself, and what comes in one turn in one request, each with its own token', async () => {
  const { request } = await serve();
  const first = send('a');
  const one = await request(0);
  expect(one.path).toBe(routes.sendMessage.path);
  const others = ['b', 'c', 'd'].map((text) => send(text));
  one.reply(201, stored({ body: { text: 'a' } } as Item));
  expect(await first).toEqual({ _id: 'id-a' });
  const batch = await request(1);
  expect(batch.path).toBe(routes.sendMessages.path);
  expect(batch.items.map(({ token, body }) => [token, body.text])).toEqual([
    ['token-b', 'b'],
    ['token-c', 'c'],
    ['token-d', 'd'],
  ]);
  answerAll(batch);
  expect(await Promise.all(others)).toEqual([{ _id: 'id-b' }, { _id: 'id-c' }, { _id: 'id-d' }]);
});

it('waits for no request while few sends are under way, and gathers beyond', async () => {
  const { request, received } = await serve();
  const few: Promise<unknown>[] = [];
  for (let i = 0; i < 8; i++) {
    few.push(send(`few${i}`));
    await request(i);
  }
  // Each came to a turn of its own: together they go only because they waited.
  const more = [send('x')];
  await new Promise((resolve) => setImmediate(resolve));
  more.push(send('y'));
  const gathered = await request(8);
  expect(textsOf(gathered)).toEqual(['x', 'y']);
  answerAll(gathered);
  for (const each of received.slice(0, 8)) each.reply(201, stored(each.items[0] as Item));
  await Promise.all([...few, ...more]);
});

it('has four requests under way at most while more than a few sends are, and gathers what comes beyond', async () => {
  const { request, received } = await serve();
  const many = ['a', 'b', 'c', 'd'].map((name) =>
    client.sendMessages(caller(), lane(...Array.from({ length: 20 }, (_, i) => `${name}${i}`))),
  );
  // No two of them fit into one, and none is answered: each goes without those before it.
  await request(3);
  const more = [send('x')];
  await new Promise((resolve) => setImmediate(resolve));
  more.push(send('y'));
  const gathered = await request(4);
  expect(textsOf(gathered)).toEqual(['x', 'y']);
  for (const each of received) answerAll(each);
  await Promise.all([...many, ...more]);
});

it('lets what may take long, or is long, go alone', async () => {
  const { request, received } = await serve();
  const caller = { token: 'token', address: '203.0.113.1', traceId: 't'.repeat(32), apiCalls: { inFlight: 0 } };
  const media = [{ mediaId: 'd'.repeat(24), type: 'image' as const }];
  const bodies = [{ text: 'a', media }, { text: 'x'.repeat(5_000) }, { text: 'c' }, { text: 'd' }];
  const sends = bodies.map((body) => sendOne(client, caller, { conversationId, ...body }));
  await request(2);
  expect(received.map(({ items }) => items.length).toSorted()).toEqual([1, 1, 2]);
  for (const each of received) {
    if (each.path === routes.sendMessages.path) answerAll(each);
    else each.reply(201, stored(each.items[0] as Item));
  }
  await Promise.all(sends);
});

it('tells each sender of its own failure, and no other', async () => {
  const { request } = await serve();
  const sends = Promise.allSettled(['a', 'b', 'c'].map((text) => send(text)));
  const batch = await request(0);
  const limited = { success: false, error: { code: 'RATE_LIMITED', message: 'slowly', retryAfter: 7 }, retryAfter: 7 };
  batch.reply(200, { success: true, data: { results: [stored(batch.items[0] as Item), limited, null] } });
  const [a, b, c] = await sends;
  expect(a).toMatchObject({ status: 'fulfilled' });
  expect(b).toMatchObject({ reason: { code: 'RATE_LIMITED', retryAfter: 7 } });
  expect(c).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
});

it.each([401, 413, 404])('sends each alone when the request of all is refused with %i', async (status) => {
  const { request, received } = await serve();
  const sends = Promise.all(['a', 'b'].map((text) => send(text)));
  (await request(0)).reply(status, { success: false, error: { code: 'VALIDATION_FAILED', message: 'no' } });
  for (const index of [1, 2]) {
    const alone = await request(index);
    expect(alone.path).toBe(routes.sendMessage.path);
    alone.reply(201, stored(alone.items[0] as Item));
  }
  expect((await sends).map(({ _id }) => _id)).toEqual(['id-a', 'id-b']);
  // A refusal that is about batches is remembered for a while; one of the first sender's token is not.
  const later = Promise.all(['c', 'd'].map((text) => send(text)));
  const next = await request(3);
  expect(next.path).toBe(status === 401 ? routes.sendMessages.path : routes.sendMessage.path);
  if (status === 401) answerAll(next);
  else for (const each of [next, await request(4)]) each.reply(201, stored(each.items[0] as Item));
  await later;
  expect(received.length).toBe(status === 401 ? 4 : 5);
});

it('repeats after a lost connection only what has a client id; the others are told that it is not known', async () => {
  const { request } = await serve();
  const sends = Promise.allSettled([send('a'), send('b', 'mine')]);
  (await request(0)).cut();
  const again = await request(1);
  expect(again.items[0]?.body.text).toBe('b');
  again.reply(201, stored(again.items[0] as Item));
  expect(await sends).toMatchObject([
    { status: 'rejected', reason: { code: 'UNAVAILABLE' } },
    { status: 'fulfilled', value: { _id: 'id-b' } },
  ]);
});

it.each([
  [503, { success: false, error: { code: 'OVERLOADED', message: 'later' } }, 'OVERLOADED'],
  [500, { success: false, error: { code: 'INTERNAL', message: 'oops' } }, 'UNAVAILABLE'],
  [200, { success: true, data: { results: [] } }, 'UNAVAILABLE'],
])('a request of all that fails with %i is told to each as %s', async (status, answer, code) => {
  const { request } = await serve();
  const sends = Promise.allSettled([send('a'), send('b')]);
  (await request(0)).reply(status, answer);
  for (const outcome of await sends) expect(outcome).toMatchObject({ reason: { code, retryAfter: 1 } });
});

it('settles all of them in time when nothing answers, and holds up nobody who comes later', async () => {
  const { request, received } = await serve();
  const sends = Promise.allSettled([send('a'), send('b')]);
  await request(0);
  const later = send('c');
  const alone = await request(1);
  expect(alone.items[0]?.body.text).toBe('c');
  alone.reply(201, stored(alone.items[0] as Item));
  expect(await later).toEqual({ _id: 'id-c' });
  for (const outcome of await sends) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  expect(received.length).toBe(2);
});

it('makes no further request for what may be repeated once its time is up', async () => {
  const { request, received } = await serve();
  const sends = Promise.allSettled(['a', 'b', 'c'].map((text) => send(text, `id-${text}`)));
  expect((await request(0)).items.length).toBe(3);
  for (const outcome of await sends) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  const later = send('d');
  const next = await request(1);
  expect(next.items.map(({ body }) => body.text)).toEqual(['d']);
  next.reply(201, stored(next.items[0] as Item));
  await later;
  expect(received.length).toBe(2);
});

const caller = () => ({ token: 'token', address: '203.0.113.1', apiCalls: { inFlight: 0 } });
const lane = (...texts: string[]) =>
  texts.map((text) => ({ traceId: 't'.repeat(32), body: { conversationId, text }, cameAt: performance.now() }));
const textsOf = ({ items }: Received) => items.map(({ body }) => body.text);

it('sends a lane in one request, in order, with the lanes of others as long as they fit', async () => {
  const { request } = await serve();
  const names = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);
  const lanes = [names('a', 20), names('b', 10), names('c', 10)];
  const sent = lanes.map((texts) => client.sendMessages(caller(), lane(...texts)));
  const [first, second] = [await request(0), await request(1)];
  expect([textsOf(first), textsOf(second)]).toEqual([[...names('a', 20), ...names('b', 10)], names('c', 10)]);
  for (const each of [first, second]) answerAll(each);
  const ids = (await Promise.all(sent)).map((outcomes) =>
    outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value._id),
  );
  expect(ids).toEqual(lanes.map((texts) => texts.map((text) => `id-${text}`)));
});

it('counts a lane as one call of its socket, and as many of the gateway', async () => {
  const { request } = await serve();
  const texts = Array.from({ length: 32 }, (_, i) => `a${i}`);
  const who = caller();
  const sent = client.sendMessages(who, lane(...texts));
  expect([client.inFlight, who.apiCalls.inFlight]).toEqual([32, 1]);
  answerAll(await request(0));
  await sent;
  expect([client.inFlight, who.apiCalls.inFlight]).toEqual([0, 0]);
});

it.each([
  ['was refused as a batch', {}],
  ['has a reply in it', { replyTo: 'e'.repeat(24) }],
  ['has media in it', { media: [{ mediaId: 'd'.repeat(24), type: 'image' as const }] }],
  ['has something long in it', { text: 'x'.repeat(5_000) }],
])('sends one after the other what %s', async (_, about) => {
  const { request, received } = await serve();
  const [first, second, third] = lane('a', 'b', 'c');
  const sends = [first, { ...second, body: { conversationId, text: 'b', ...about } }, third];
  const sent = client.sendMessages(caller(), sends as never);
  const refused = Object.keys(about).length === 0 ? 1 : 0;
  if (refused) (await request(0)).reply(404, { success: false });
  for (let index = refused; index < refused + 3; index++) {
    const each = await request(index);
    expect([received.length, each.path]).toEqual([index + 1, routes.sendMessage.path]);
    each.reply(201, stored(each.items[0] as Item));
  }
  expect((await sent).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
});

it('answers what waited for others within the time from when it came, and takes no time of those that come later', async () => {
  const { request, received } = await serve();
  const waited = lane('a', 'b').map((send) => ({ ...send, cameAt: performance.now() - 1_990 }));
  expect(await client.sendMessages(caller(), waited)).toMatchObject([
    { reason: { code: 'UNAVAILABLE', retryAfter: 1 } },
    { reason: { code: 'UNAVAILABLE', retryAfter: 1 } },
  ]);
  expect(received.length).toBe(0);
  const later = client.sendMessages(caller(), lane('c'));
  const next = await request(0);
  next.reply(201, stored(next.items[0] as Item));
  expect(await later).toMatchObject([{ status: 'fulfilled' }]);
});
