import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startService, testMongo, testRedis } from '@confab/testkit';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';

interface Signing {
  kid: string;
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const newKey = (kid: string): Signing => ({ kid, ...generateKeyPairSync('rsa', { modulusLength: 2_048 }) });
const [first, second] = [newKey('2024'), newKey('2025')];
let published = [first];
let fetches = 0;

/** An identity provider, as far as we know one: its key set. */
const provider = createServer((_request, response) => {
  fetches += 1;
  const keys = published.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' }));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
});

const stopping: (() => unknown)[] = [];
let api = '';
let gateway = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const [mongo, redis] = await Promise.all([testMongo(), testRedis()]);
  const { port } = provider.address() as AddressInfo;
  const common = {
    ...{ HOST: '127.0.0.1', PORT: '0', JWT_JWKS_URL: `http://127.0.0.1:${port}/.well-known/jwks.json` },
    ...{ REDIS_URL: redis.url, KEY_PREFIX: redis.keyPrefix(), CLIENT_URL: 'http://localhost:3000' },
  };
  const stores = { MONGODB_URL: mongo.url, MONGODB_DATABASE: mongo.dbName() };
  const first = await startService({ name: 'api', env: { ...common, ...stores } });
  const other = await startService({ name: 'gateway', env: { ...common, API_URL: first.url } });
  [api, gateway] = [first.url, other.url];
  stopping.push(
    () => provider.close(),
    () => redis.stop(),
    () => first.stop(),
    () => other.stop(),
  );
});
afterAll(async () => {
  for (const stop of stopping.reverse()) await stop();
});

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as the provider signs it. Each is another one, so that nothing is answered from memory of whole tokens. */
function tokenFrom({ privateKey, kid }: Signing, namedKid = kid): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: 'ann', iat: now, exp: now + 600, jti: String(Math.random()) };
  const text = `${encoded({ alg: 'RS256', typ: 'JWT', kid: namedKid })}.${encoded(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
}

const rest = async (token: string) =>
  (await fetch(`${api}/api/chat/unread-count`, { headers: { authorization: `Bearer ${token}` } })).status;

/** `connected`, or the code that the handshake was refused with. */
async function connect(token: string): Promise<string> {
  const socket = io(gateway, { auth: { token }, transports: ['websocket'], forceNew: true, reconnection: false });
  const outcome = await new Promise<string>((resolve) => {
    socket.once('connect', () => resolve('connected'));
    socket.once('connect_error', (error) =>
      resolve((error as Error & { data?: { code: string } }).data?.code ?? error.message),
    );
  });
  socket.disconnect();
  return outcome;
}

test('tokens of the key set come in, others do not; many cost one look-up each for api and gateway', async () => {
  for (let i = 0; i < 5; i++) expect(await rest(tokenFrom(first))).toBe(200);
  for (let i = 0; i < 5; i++) expect(await connect(tokenFrom(first))).toBe('connected');
  expect(fetches).toBe(2);
  // the right name over another key
  expect(await rest(tokenFrom(second, first.kid))).toBe(401);
  expect(await connect(tokenFrom(second, first.kid))).toBe('UNAUTHENTICATED');
  expect(fetches).toBe(2);
});

test('a flood of invented ids is refused, and bounded at the provider, while those of the set come in', async () => {
  const before = fetches;
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => rest(tokenFrom(second, `invented-${i}`))));
  expect(answers.filter((status) => status !== 401 && status !== 503)).toEqual([]);
  expect(await rest(tokenFrom(first))).toBe(200);
  // five, and one for every two seconds that the flood took
  expect(fetches - before).toBeLessThanOrEqual(5 + 3);
});

test('a rotation during a flood: the new key comes in within seconds, the old one is believed until it is withdrawn', async () => {
  published = [first, second];
  let flooding = true;
  const flood = (async () => {
    for (let i = 0; flooding; i++) await rest(tokenFrom(second, `more-${i}`));
  })();
  const deadline = Date.now() + 8_000;
  let status = 0;
  while (status !== 200 && Date.now() < deadline) status = await rest(tokenFrom(second));
  flooding = false;
  await flood;
  expect(status).toBe(200);
  expect(await connect(tokenFrom(second))).toBe('connected');
  expect(await rest(tokenFrom(first))).toBe(200);
});
