import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { freePort, startService } from '@confab/testkit';
import { io } from 'socket.io-client';
import { ask } from '../ask.ts';
import { type AbuseRig, CLIENT_ORIGIN, JWT_SECRET } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';

const now = () => Math.floor(Date.now() / 1_000);
const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

type Signer = (input: string) => string;
const hs =
  (key: string, hash = 'sha256'): Signer =>
  (input) =>
    createHmac(hash, key).update(input).digest('base64url');

/** A token put together by hand: nothing keeps it from being wrong. */
function forge(header: unknown, claims: unknown, sign: Signer): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(input)}`;
}

const HS256 = { alg: 'HS256', typ: 'JWT' };
const good = () => ({ sub: 'forger', iat: now(), exp: now() + 600 });
const unsigned: Signer = () => '';
const claims = (over: object) => forge(HS256, { ...good(), ...over }, hs(JWT_SECRET));
const without = (name: string) =>
  forge(HS256, Object.fromEntries(Object.entries(good()).filter(([key]) => key !== name)), hs(JWT_SECRET));
const header = (over: object, sign = hs(JWT_SECRET)) => forge({ ...HS256, ...over }, good(), sign);

/** Tokens for a service that takes HS256 with its secret. */
function forgedForSecret(): Record<string, string> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rs256: Signer = (input) => createSign('sha256').update(input).sign(rsa.privateKey, 'base64url');
  const valid = claims({});
  const [head = '', body = '', signature = ''] = valid.split('.');
  return {
    'no algorithm': header({ alg: 'none' }, unsigned),
    'no algorithm, capitals': header({ alg: 'NoNe' }, unsigned),
    'no algorithm, signed': header({ alg: 'none' }),
    'no alg': forge({ typ: 'JWT' }, good(), hs(JWT_SECRET)),
    'alg is a list': header({ alg: ['HS256'] }),
    'alg of the prototype': header({ alg: 'constructor' }),
    'another algorithm of the family': header({ alg: 'HS512' }, hs(JWT_SECRET, 'sha512')),
    'asymmetric algorithm': header({ alg: 'RS256' }, rs256),
    'own key in the header': header({ alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) }, rs256),
    'key at an address': header({ jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/x' }, hs('other')),
    'key id is a path': header({ kid: '../../../../dev/null' }, hs('')),
    'wrong key': header({}, hs('another-secret-of-more-than-32-characters!!')),
    'empty key': header({}, hs('')),
    'no signature': `${head}.${body}.`,
    'cut signature': valid.slice(0, -2),
    'claims of another': `${head}.${part({ ...good(), sub: 'victim' })}.${signature}`,
    crit: header({ crit: ['exp'] }),
    'crit, unknown': header({ crit: ['http://example.com/x'], 'http://example.com/x': true }),
    'no exp': without('exp'),
    'exp as text': claims({ exp: String(now() + 600) }),
    'exp is null': claims({ exp: null }),
    'exp is an object': claims({ exp: { $gt: 0 } }),
    'exp has no end': forge(
      HS256,
      JSON.stringify({ ...good(), exp: 0 }).replace('"exp":0', '"exp":1e999'),
      hs(JWT_SECRET),
    ),
    'exp is negative': claims({ exp: -1 }),
    expired: claims({ exp: now() - 10 }),
    'not yet': claims({ nbf: now() + 600 }),
    'nbf as text': claims({ nbf: '0' }),
    'iat as text': claims({ iat: '0' }),
    'no sub': without('sub'),
    'sub is empty': claims({ sub: '' }),
    'sub is an object': claims({ sub: { $ne: null } }),
    'sub is a list': claims({ sub: ['forger'] }),
    'sub is a number': claims({ sub: 7 }),
    'sub is null': claims({ sub: null }),
    'sub is too long': claims({ sub: 'x'.repeat(129) }),
    'sub with a NUL': claims({ sub: 'a\0b' }),
    'sub with a line end': claims({ sub: 'a\r\nb' }),
    'sub is half a surrogate': forge(HS256, '{"sub":"\\ud800","exp":99999999999}', hs(JWT_SECRET)),
    'claims are a list': forge(HS256, [good()], hs(JWT_SECRET)),
    'claims are a text': forge(HS256, '"forger"', hs(JWT_SECRET)),
    'claims are no JSON': forge(HS256, '{', hs(JWT_SECRET)),
    'claims of the prototype': forge(HS256, '{"__proto__":{"sub":"forger","exp":99999999999}}', hs(JWT_SECRET)),
    'header is no JSON': forge('{', good(), hs(JWT_SECRET)),
    'header is null': forge(null, good(), hs(JWT_SECRET)),
    'two parts': `${head}.${body}`,
    'five parts': `${valid}.x.y`,
    'only dots': '..',
    empty: '',
    'not base64': '%%%.%%%.%%%',
    large: claims({ note: 'x'.repeat(7_000) }).slice(0, -1),
  };
}

export const forgedTokens: AbuseRow = {
  id: 32,
  name: 'forged tokens',
  injection:
    'each kind of forged token over REST, WebSocket and polling; RS256 services given HS256 tokens made of their public key',
  bar: '401 each, never 500',
  async run({ rig, quick }) {
    const findings = new Findings();
    const forged = forgedForSecret();
    for (const [name, token] of Object.entries(forged)) {
      await tryOnRest(rig.system.apis[0], token, name, findings);
      await tryOnSockets(
        rig.system.gateways[0],
        token,
        name,
        quick ? ['websocket'] : ['websocket', 'polling'],
        findings,
      );
    }
    const genuine = await ask({
      url: `${rig.system.apis[0]}/api/chat/unread-count`,
      headers: { authorization: `Bearer ${claims({})}` },
    });
    findings.check(genuine.status === 200, `the genuine token is refused: ${genuine.status}`);
    const confused = await confuseAlgorithms(rig, findings);
    const figure = `${Object.keys(forged).length + confused} kinds, ${findings.checks} answers: 401 and UNAUTHENTICATED or TOKEN_EXPIRED each`;
    return { injected: findings.checks, figure, problems: findings.problems };
  },
};

async function tryOnRest(base: string, token: string, name: string, findings: Findings): Promise<void> {
  const { status, text } = await ask({
    url: `${base}/api/chat/conversations`,
    headers: { authorization: `Bearer ${token}` },
  });
  findings.check(
    status === 401 && /"(UNAUTHENTICATED|TOKEN_EXPIRED)"/.test(text),
    `REST, ${name}: ${status} ${text.slice(0, 80)}`,
  );
}

async function tryOnSockets(url: string, token: string, name: string, transports: string[], findings: Findings) {
  for (const transport of transports) {
    const code = await handshake(url, token, transport);
    findings.check(/^(UNAUTHENTICATED|TOKEN_EXPIRED)$/.test(code), `${transport}, ${name}: ${code}`);
  }
}

function handshake(url: string, token: unknown, transport: string): Promise<string> {
  const socket = io(url, {
    auth: { token },
    transports: [transport],
    reconnection: false,
    forceNew: true,
    timeout: 8_000,
    extraHeaders: { origin: CLIENT_ORIGIN },
  });
  return new Promise<string>((resolve) => {
    socket.once('connect', () => resolve('let in'));
    socket.once('connect_error', (error: Error & { data?: { code?: string } }) =>
      resolve(error.data?.code ?? error.message),
    );
  }).finally(() => socket.close());
}

/** A service that verifies with a public key must not take that key for a secret. @returns how many kinds were tried */
async function confuseAlgorithms(rig: AbuseRig, findings: Findings): Promise<number> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const api = await startService({
    name: 'api',
    env: {
      ...{ HOST: '127.0.0.1', PORT: String(await freePort()), JWT_PUBLIC_KEY: pem.replaceAll('\n', '\\n') },
      ...{ REDIS_URL: rig.redisUrl, MONGODB_URL: rig.mongodbUrl, MONGODB_DATABASE: rig.database },
    },
  });
  try {
    const kinds = {
      'HS256 with the public key': forge(HS256, good(), hs(pem)),
      'HS256 with the public key, trimmed': forge(HS256, good(), hs(pem.trim())),
      'HS256 with the key in one line': forge(HS256, good(), hs(pem.replaceAll('\n', ''))),
      'RS256 with another key': forge({ alg: 'RS256' }, good(), (input) =>
        createSign('sha256')
          .update(input)
          .sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'base64url'),
      ),
      'no algorithm': forge({ alg: 'none' }, good(), unsigned),
    };
    for (const [name, token] of Object.entries(kinds)) await tryOnRest(api.url, token, name, findings);
    const genuine = forge({ alg: 'RS256' }, good(), (input) =>
      createSign('sha256').update(input).sign(privateKey, 'base64url'),
    );
    const { status } = await ask({
      url: `${api.url}/api/chat/unread-count`,
      headers: { authorization: `Bearer ${genuine}` },
    });
    findings.check(status === 200, `the genuine RS256 token is refused: ${status}`);
    return Object.keys(kinds).length;
  } finally {
    await api.stop();
  }
}
