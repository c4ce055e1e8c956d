import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChatError } from '@confab/contracts';
import { createSigner } from 'fast-jwt';
import Type from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTokenVerifier, type TokenVerifier } from './auth.ts';
import { loadConfig } from './config.ts';
import { checkJwt, jwtVariables } from './jwt-config.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-characters';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const privatePem = (pair: typeof rsa) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const verifierFor = (env: Record<string, string>) =>
  createTokenVerifier(loadConfig(Type.Object(jwtVariables), env, [checkJwt]));
const now = () => Math.floor(Date.now() / 1000);
const goodClaims = () => ({ sub: 'u1', iat: now(), exp: now() + 60 });

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** A token with any header and payload (JSON text or a value), signed with HMAC. */
function forge(header: unknown, payload: unknown, secret: string | Buffer = SECRET): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
const HS = { alg: 'HS256', typ: 'JWT' };

async function codeOf(verifier: TokenVerifier, token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return 'accepted';
  } catch (error) {
    return error instanceof ChatError ? error.code : `not a ChatError: ${error}`;
  }
}

describe('a verifier with a secret', () => {
  const verifier = verifierFor({ JWT_SECRET: SECRET });

  it('tells who the token stands for', async () => {
    const claims = { ...goodClaims(), jti: 't1', name: 'Ann Lee', firstName: 'Ann', scope: 'chat:admin other' };
    expect(await verifier.verify(forge(HS, claims))).toEqual({
      userId: 'u1',
      profile: { name: 'Ann Lee', firstName: 'Ann' },
      tokenId: 't1',
      issuedAt: claims.iat,
      expiresAt: claims.exp,
      scopes: ['chat:admin', 'other'],
    });
  });

  it('gives the same answer from its cache', async () => {
    const token = forge(HS, goodClaims());
    expect(await verifier.verify(token)).toEqual(await verifier.verify(token));
  });

  it('drops a profile picture that other users’ clients must not load', async () => {
    const imageOf = async (profileImage: string) =>
      (await verifier.verify(forge(HS, { ...goodClaims(), profileImage }))).profile.profileImage;
    for (const bad of [
      'javascript:alert(1)',
      'http://169.254.169.254/',
      'https://u:p@example.com/a.png',
      'https://redis/',
    ]) {
      expect(await imageOf(bad)).toBeUndefined();
    }
    expect(await imageOf('https://example.com/a.png')).toBe('https://example.com/a.png');
  });

  it('drops profile claims of a wrong type or length', async () => {
    const claims = {
      ...goodClaims(),
      firstName: { $ne: 1 },
      lastName: 7,
      name: 'x'.repeat(500),
      profileImage: 'nul\0',
    };
    expect((await verifier.verify(forge(HS, claims))).profile).toEqual({});
  });

  const exp = () => now() + 60;
  it.each<[string, () => string]>([
    ['alg none without a signature', () => `${part({ alg: 'none' })}.${part(goodClaims())}.`],
    ['alg none with a signature', () => forge({ alg: 'none' }, goodClaims())],
    ['alg None', () => `${part({ alg: 'None' })}.${part(goodClaims())}.`],
    ['HS256 without a signature', () => `${part(HS)}.${part(goodClaims())}.`],
    ['a wrong key', () => forge(HS, goodClaims(), 'another-secret-of-more-than-32-characters')],
    ['an empty key', () => forge(HS, goodClaims(), '')],
    ['another HMAC than is accepted', () => forge({ alg: 'HS512' }, goodClaims())],
    ['RS256 in the header', () => forge({ alg: 'RS256' }, goodClaims())],
    ['alg as a list', () => forge({ alg: ['HS256'] }, goodClaims())],
    ['alg as a name of Object.prototype', () => forge({ alg: 'constructor' }, goodClaims())],
    ['no exp', () => forge(HS, { sub: 'u1' })],
    ['exp as a string', () => forge(HS, { sub: 'u1', exp: String(exp()) })],
    ['exp null', () => forge(HS, { sub: 'u1', exp: null })],
    ['exp as a list', () => forge(HS, { sub: 'u1', exp: [exp()] })],
    ['exp infinite', () => forge(HS, `{"sub":"u1","exp":1e999}`)],
    ['exp in milliseconds', () => forge(HS, { sub: 'u1', exp: Date.now() + 60_000 })],
    ['iat as a string', () => forge(HS, { sub: 'u1', exp: exp(), iat: 'now' })],
    ['nbf as a string', () => forge(HS, { sub: 'u1', exp: exp(), nbf: '0' })],
    ['nbf infinite', () => forge(HS, `{"sub":"u1","exp":${exp()},"nbf":1e999}`)],
    ['nbf in the future', () => forge(HS, { ...goodClaims(), nbf: now() + 30 })],
    ['no sub', () => forge(HS, { exp: exp() })],
    ['object sub', () => forge(HS, { exp: exp(), sub: { $ne: null } })],
    ['number sub', () => forge(HS, { exp: exp(), sub: 7 })],
    ['list sub', () => forge(HS, { exp: exp(), sub: ['u1'] })],
    ['empty sub', () => forge(HS, { exp: exp(), sub: '' })],
    ['sub with a line break', () => forge(HS, { exp: exp(), sub: 'a\r\nb' })],
    ['sub too long', () => forge(HS, { exp: exp(), sub: 'x'.repeat(129) })],
    ['crit unknown', () => forge({ ...HS, crit: ['exp'], exp: 1 }, goodClaims())],
    ['crit empty', () => forge({ ...HS, crit: [] }, goodClaims())],
    ['crit null', () => forge({ ...HS, crit: null }, goodClaims())],
    ['b64 false', () => forge({ ...HS, b64: false, crit: ['b64'] }, goodClaims())],
    ['payload a list', () => forge(HS, ['u1'])],
    ['payload null', () => forge(HS, 'null')],
    ['payload not JSON', () => forge(HS, '{')],
    ['header not JSON', () => forge('{', goodClaims())],
    ['header null', () => forge('null', goodClaims())],
    ['__proto__ sub', () => forge(HS, `{"exp":${exp()},"__proto__":{"sub":"u1"}}`)],
    ['no token', () => ''],
    ['two parts', () => 'a.b'],
    ['junk', () => '\0\u{1F600}...'],
    ['a token of 1 MB', () => forge(HS, { ...goodClaims(), pad: 'x'.repeat(1_000_000) })],
  ])('refuses %s', async (_name, token) => {
    expect(await codeOf(verifier, token())).toBe('UNAUTHENTICATED');
  });

  it('refuses what is no string', async () => {
    for (const token of [undefined, null, 7, {}, ['x'], Buffer.from('x')]) {
      expect(await codeOf(verifier, token as unknown as string)).toBe('UNAUTHENTICATED');
    }
  });

  it('tells an expired token from a bad one', async () => {
    expect(await codeOf(verifier, forge(HS, { sub: 'u1', exp: now() - 1 }))).toBe('TOKEN_EXPIRED');
  });

  it('refuses a cached token once it has expired', async () => {
    const token = forge(HS, { sub: 'u1', exp: Date.now() / 1000 + 0.3 });
    expect(await codeOf(verifier, token)).toBe('accepted');
    await expect.poll(() => codeOf(verifier, token)).toBe('TOKEN_EXPIRED');
  });
});

describe('a verifier with a public key', () => {
  const verifier = verifierFor({ JWT_PUBLIC_KEY: publicPem.replaceAll('\n', '\\n') });

  it('accepts what the private key signed', async () => {
    const token = createSigner({ key: privatePem(rsa), algorithm: 'RS256' })(goodClaims());
    expect((await verifier.verify(token)).userId).toBe('u1');
  });

  it.each<[string, () => string]>([
    ['HS256 with the public key as its secret', () => forge(HS, goodClaims(), publicPem)],
    ['HS256 with the trimmed public key', () => forge(HS, goodClaims(), publicPem.trim())],
    ['RS256 header over an HMAC', () => forge({ alg: 'RS256' }, goodClaims(), publicPem)],
    ['another key', () => createSigner({ key: privatePem(otherRsa), algorithm: 'RS256' })(goodClaims())],
    [
      'another algorithm of the same key',
      () => createSigner({ key: privatePem(rsa), algorithm: 'PS256' })(goodClaims()),
    ],
    ['an elliptic key', () => createSigner({ key: privatePem(ec as typeof rsa), algorithm: 'ES256' })(goodClaims())],
    ['none', () => `${part({ alg: 'none' })}.${part(goodClaims())}.`],
  ])('refuses %s', async (_name, token) => {
    expect(await codeOf(verifier, token())).toBe('UNAUTHENTICATED');
  });
});

it('accepts ES256 with an elliptic public key', async () => {
  const pem = ec.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const token = createSigner({ key: privatePem(ec as typeof rsa), algorithm: 'ES256' })(goodClaims());
  expect((await verifierFor({ JWT_PUBLIC_KEY: pem }).verify(token)).userId).toBe('u1');
});

describe('issuer, audience, tolerance and another user claim', () => {
  const verifier = verifierFor({
    JWT_SECRET: SECRET,
    JWT_ISSUER: 'me',
    JWT_AUDIENCE: 'chat',
    JWT_CLOCK_TOLERANCE: '10',
    JWT_USER_CLAIM: 'uid',
  });
  const base = () => ({ uid: 'u9', iss: 'me', aud: ['chat', 'other'], exp: now() + 60 });

  it('accepts a token that fits', async () => {
    expect((await verifier.verify(forge(HS, base()))).userId).toBe('u9');
    expect(await codeOf(verifier, forge(HS, { ...base(), exp: now() - 5 }))).toBe('accepted');
  });

  it.each([
    { iss: 'you' },
    { iss: undefined },
    { aud: 'other' },
    { aud: undefined },
    { aud: [7] },
    { uid: undefined, sub: 'u9' },
  ])('refuses %j', async (change) => {
    expect(await codeOf(verifier, forge(HS, { ...base(), ...change }))).toBe('UNAUTHENTICATED');
  });
});

describe('a verifier with a key set', () => {
  let provider: Server;
  let fetches = 0;
  let failing = false;
  let url = '';
  beforeAll(async () => {
    const keys = [
      { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' },
      { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'k2' },
    ];
    provider = createServer((_request, response) => {
      fetches += 1;
      response.writeHead(failing ? 500 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys.json?tenant=a`;
  });
  afterAll(() => void provider.close());
  const sign = (kid: string, pair = rsa) =>
    createSigner({ key: privatePem(pair), algorithm: 'RS256', kid })(goodClaims());

  it('finds the key by its id, and asks once for many tokens', async () => {
    const verifier = verifierFor({ JWT_JWKS_URL: url });
    const before = fetches;
    await Promise.all([verifier.verify(sign('k1')), verifier.verify(sign('k1'))]);
    expect((await verifier.verify(sign('k1'))).userId).toBe('u1');
    expect(fetches - before).toBe(1);
  });

  it('refuses a known id over another key, an HMAC key of the set, and tokens without an id', async () => {
    const verifier = verifierFor({ JWT_JWKS_URL: url });
    expect(await codeOf(verifier, sign('k1', otherRsa))).toBe('UNAUTHENTICATED');
    expect(await codeOf(verifier, forge({ ...HS, kid: 'k2' }, goodClaims()))).toBe('UNAUTHENTICATED');
    expect(await codeOf(verifier, createSigner({ key: privatePem(rsa), algorithm: 'RS256' })(goodClaims()))).toBe(
      'UNAUTHENTICATED',
    );
  });

  it('does not let invented ids flood the provider, and serves known ones meanwhile', async () => {
    const verifier = verifierFor({ JWT_JWKS_URL: url });
    await verifier.verify(sign('k1'));
    const before = fetches;
    const codes = new Set<string>();
    for (let i = 0; i < 30; i += 1) codes.add(await codeOf(verifier, sign(`invented-${i}`)));
    expect(fetches - before).toBeLessThanOrEqual(5);
    expect([...codes].sort()).toEqual(['UNAUTHENTICATED', 'UNAVAILABLE']);
    expect(await codeOf(verifier, sign('k1'))).toBe('accepted');
  });

  it('answers UNAVAILABLE, not "bad token", while the provider is down', async () => {
    failing = true;
    const verifier = verifierFor({ JWT_JWKS_URL: url });
    expect(await codeOf(verifier, sign('k1'))).toBe('UNAVAILABLE');
    failing = false;
    expect(await codeOf(verifier, sign('k1'))).toBe('accepted');
  });
});
