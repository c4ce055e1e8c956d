import { mintToken, type ServiceProcess, startService, type TestRedis, testMongo, testRedis } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

/* The api as its own process behind a load balancer, which is this test: it may name any client address. */

const SECRET = 'a-secret-of-the-tests-with-more-than-32-characters';
const LIMIT = 3;

let redis: TestRedis;
let api: ServiceProcess;
beforeAll(async () => {
  redis = await testRedis();
  const mongo = await testMongo();
  api = await startService({
    name: 'api',
    env: {
      ...{ HOST: '127.0.0.1', PORT: '0', JWT_SECRET: SECRET, TRUST_PROXY: '127.0.0.1' },
      ...{ REDIS_URL: redis.url, KEY_PREFIX: redis.keyPrefix() },
      ...{ MONGODB_URL: mongo.url, MONGODB_DATABASE: mongo.dbName() },
      REQUESTS_PER_MINUTE_PER_ADDRESS: String(LIMIT),
    },
  });
});
afterAll(async () => {
  await api.stop();
  await redis.stop();
});

const valid = mintToken(SECRET, { sub: 'ann' });

interface Call {
  path?: string;
  token?: string;
  body?: string;
}

async function call(from: string, { path = '/api/chat/unread-count', token = valid, body }: Call = {}) {
  const response = await fetch(`${api.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'x-forwarded-for': from,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, body: (await response.json()) as { error?: object } };
}

const statuses = async (count: number, from: string, request: (index: number) => Call) => {
  const answers = [];
  for (let index = 0; index < count; index++) answers.push((await call(from, request(index))).status);
  return answers;
};

test('whoever guesses tokens meets the limit of their address', async () => {
  expect(await statuses(5, '192.0.2.1', () => ({ token: 'a.b.c' }))).toEqual([401, 401, 401, 429, 429]);
});

test('whoever guesses paths meets it too', async () => {
  expect(await statuses(5, '192.0.2.2', (i) => ({ path: `/guess/${i}` }))).toEqual([404, 404, 404, 429, 429]);
});

test('whoever reads the documentation meets it too', async () => {
  expect(await statuses(5, '192.0.2.3', () => ({ path: '/docs/json' }))).toEqual([200, 200, 200, 429, 429]);
});

test('an IPv6 /64 is one address, an IPv4 address in IPv6 form is the IPv4 address', async () => {
  const from = async (address: string) => (await call(address)).status;
  expect(await from('2001:db8:1:2::1')).toBe(200);
  expect(await from('2001:db8:1:2:ffff::9')).toBe(200);
  expect(await from('2001:0db8:0001:0002:0:0:0:1')).toBe(200);
  expect(await from('2001:db8:1:2:abcd::7')).toBe(429);
  expect(await from('2001:db8:1:3::1')).toBe(200);
  for (const address of ['198.51.100.7', '::ffff:198.51.100.7', '::ffff:c633:6407']) {
    expect(await from(address)).toBe(200);
  }
  expect(await from('198.51.100.7')).toBe(429);
});

test('what a client itself writes into X-Forwarded-For is not believed', async () => {
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push((await call(`203.0.113.${i}, 192.0.2.4`)).status);
  expect(answers).toEqual([200, 200, 200, 429, 429]);
});

test('a body that nests deeper than any legal one is refused for that', async () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  const send = (body: string) => call('192.0.2.5', { path: '/api/chat/message', body });
  const tooDeep = { code: 'VALIDATION_FAILED', message: 'The body nests too deep' };
  expect((await send(nested(9))).body.error).toEqual(tooDeep);
  expect((await send(nested(50_000))).body.error).toEqual(tooDeep);
  expect((await send(nested(8))).body.error).toMatchObject({ field: 'a' });
});
