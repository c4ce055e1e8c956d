import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChatError } from '@confab/contracts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createJwksKeys } from './jwks.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ format: 'jwk' });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
let published: object[] = [];
let answer: ((end: (status: number, body: string) => void) => void) | undefined;
let fetches = 0;
let url = '';

const provider = createServer((_request, response) => {
  fetches += 1;
  const end = (status: number, body: string) => void response.writeHead(status).end(body);
  if (answer) answer(end);
  else end(200, JSON.stringify({ keys: published }));
});
beforeAll(async () => {
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`;
});
afterAll(() => {
  provider.closeAllConnections();
  provider.close();
});
beforeEach(() => {
  published = [{ ...rsa, kid: 'old', use: 'sig' }];
  answer = undefined;
  fetches = 0;
});

function keySet() {
  let now = 0;
  const find = createJwksKeys(url, () => now);
  return {
    advance: (ms: number) => {
      now += ms;
    },
    ask: (kid: string, alg = 'RS256') =>
      find({ alg, kid }).then(
        () => 'found',
        (error: unknown) => (error instanceof ChatError ? error.code : String(error)),
      ),
  };
}

it('a key that came with a rotation is found at once, the old one until the set is renewed', async () => {
  const { ask, advance } = keySet();
  expect(await ask('old')).toBe('found');
  published = [{ ...ec, kid: 'new' }];
  expect(await ask('new', 'ES256')).toBe('found');
  expect(await ask('old')).toBe('UNAUTHENTICATED');
  expect(fetches).toBe(3);
  published = [{ ...rsa, kid: 'third' }];
  advance(599_999);
  expect(await ask('new', 'ES256')).toBe('found');
  advance(20_000);
  expect(await ask('new', 'ES256')).toBe('UNAUTHENTICATED');
});

it('a flood of invented ids costs five fetches and then one in 2 s, and does not hold a rotation back', async () => {
  const { ask, advance } = keySet();
  const flood = async () => new Set(await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`invented-${i}`))));
  for (let i = 0; i < 6; i++) await flood();
  expect(fetches).toBe(5);
  expect(await flood()).toEqual(new Set(['UNAVAILABLE']));
  expect(await ask('old')).toBe('found');
  published = [...published, { ...rsa, kid: 'new' }];
  advance(2_000);
  // the attacker's fetch brings it
  await flood();
  expect(fetches).toBe(6);
  expect(await ask('new')).toBe('found');
  expect(fetches).toBe(6);
});

it('the set serves while its provider is down, which is tried every 10 s', async () => {
  const { ask, advance } = keySet();
  expect(await ask('old')).toBe('found');
  answer = (end) => end(500, 'down');
  advance(600_000);
  for (let i = 0; i < 20; i++) expect(await ask('old')).toBe('found');
  expect(fetches).toBe(2);
  advance(10_000);
  expect(await ask('old')).toBe('found');
  expect(fetches).toBe(3);
  expect(await ask('other')).toBe('UNAVAILABLE');
});

it.each([
  ['is no JSON', '<html>'],
  ['has no keys', '{"keys": 7}'],
  ['is larger than any set', `{"keys":[],"more":"${'x'.repeat(600_000)}"}`],
])('a set that %s is no set', async (_what, body) => {
  answer = (end) => end(200, body);
  expect(await keySet().ask('old')).toBe('UNAVAILABLE');
});

it('holds 50 keys of a set, and none that is not for signatures, of another kind or without an id', async () => {
  published = [
    { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
    { ...rsa, kid: 'encryption', use: 'enc' },
    { kty: 'RSA', n: 7, kid: 'broken' },
    null as unknown as object,
    rsa,
    { ...rsa, kid: 'pinned', alg: 'RS512' },
    ...Array.from({ length: 60 }, (_, i) => ({ ...rsa, kid: `key-${i}` })),
  ];
  const { ask, advance } = keySet();
  const answers = [];
  for (const kid of ['secret', 'encryption', 'broken', 'key-48', 'key-49', 'key-59']) {
    answers.push(await ask(kid));
    advance(2_000);
  }
  expect(answers).toEqual([
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
    'found',
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
  ]);
  expect([await ask('pinned', 'RS256'), await ask('pinned', 'RS512'), await ask('key-0', 'ES256')]).toEqual([
    'UNAUTHENTICATED',
    'found',
    'UNAUTHENTICATED',
  ]);
});
