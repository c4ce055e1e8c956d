import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connected, ORIGIN, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

let test: TestGateway;
beforeAll(async () => {
  test = await startGateway({ config: { MAX_SOCKETS_PER_USER: 3 } });
});
afterAll(() => test.close());

const refusal = async (token: unknown, transports = ['websocket']) => {
  const error = await connected(test.client(token as string, { transports })).then(
    () => undefined,
    (reason: Error & { data?: unknown }) => reason,
  );
  return error?.data;
};

describe.each([['websocket'], ['polling']])('over %s', (transport) => {
  it('lets a user with a good token in', async () => {
    const socket = await test.connect(tokenOf(`in-${transport}`), { transports: [transport] });
    expect(socket.connected).toBe(true);
    expect((socket.io.engine as unknown as { id: string }).id).toMatch(/^g1\.[A-Za-z0-9_-]{20}$/);
  });

  it('takes the token from the Authorization header too', async () => {
    const extraHeaders = { authorization: `Bearer ${tokenOf(`header-${transport}`)}` };
    const socket = test.client('', { transports: [transport], auth: {}, extraHeaders });
    await connected(socket);
  });

  it('says why it refuses a token', async () => {
    expect(await refusal('nonsense', [transport])).toEqual({
      code: 'UNAUTHENTICATED',
      message: 'A valid token is required',
    });
    expect(await refusal({ $ne: 1 }, [transport])).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await refusal(undefined, [transport])).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await refusal(tokenOf('u1', { exp: 1_000 }), [transport])).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await refusal(tokenOf('u1', { exp: undefined }), [transport])).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

it('upgrades from polling to a websocket', async () => {
  const socket = await test.connect(tokenOf('upgrader'), { transports: ['polling', 'websocket'] });
  await eventually(() => expect(socket.io.engine.transport.name).toBe('websocket'));
});

it('refuses a revoked token', async () => {
  await test.api.revocations.add({ tokenId: 'jti-1', issuedBefore: 0 });
  expect(await refusal(tokenOf('revoked', { jti: 'jti-1' }))).toMatchObject({ code: 'TOKEN_REVOKED' });
  await test.api.revocations.add({ userId: 'revoked', issuedBefore: Math.floor(Date.now() / 1000) + 5 });
  expect(await refusal(tokenOf('revoked'), ['polling'])).toMatchObject({ code: 'TOKEN_REVOKED' });
});

it('refuses more sockets of one user than are allowed, and lets them in again once one is gone', async () => {
  const sockets = await Promise.all([1, 2, 3].map(() => test.connect(tokenOf('many'))));
  expect(await refusal(tokenOf('many'))).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 30 });
  sockets[0]?.close();
  await eventually(async () => expect(await refusal(tokenOf('many'))).toBeUndefined());
});

describe('origins', () => {
  const handshake = (headers: Record<string, string>) =>
    fetch(`${test.url}/socket.io/?EIO=4&transport=polling`, { headers });
  const upgradeStatus = (origin?: string) =>
    new Promise<number>((resolve, reject) => {
      const socket = new WebSocket(`${test.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
        origin,
      });
      socket.once('open', () => {
        resolve(101);
        socket.terminate();
      });
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.once('error', reject);
    });

  it.each(['https://evil.example', 'http://localhost:3001', 'http://localhost', 'https://localhost:3000', 'null'])(
    'refuses %s with 403 over both transports',
    async (origin) => {
      expect((await handshake({ origin })).status).toBe(403);
      expect(await upgradeStatus(origin)).toBe(403);
    },
  );

  it('lets the allowed one and requests without one in', async () => {
    const allowed = await handshake({ origin: ORIGIN });
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect((await handshake({})).status).toBe(200);
    expect(await upgradeStatus(ORIGIN)).toBe(101);
    expect(await upgradeStatus()).toBe(101);
  });

  it('refuses a foreign origin in the middle of a session as well', async () => {
    const sid = JSON.parse((await (await handshake({})).text()).slice(1)).sid;
    const poll = await fetch(`${test.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
      headers: { origin: 'https://evil.example' },
    });
    expect(poll.status).toBe(403);
  });
});

it('limits the handshakes of one address, over both transports', async () => {
  const limited = await startGateway({ config: { HANDSHAKES_PER_SECOND: 2 } });
  const url = `${limited.url}/socket.io/?EIO=4&transport=polling`;
  const statuses: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    // What a client claims to be forwarded for is not believed.
    statuses.push((await fetch(url, { headers: { 'x-forwarded-for': `203.0.113.${i}` } })).status);
  }
  expect(statuses.slice(0, 4)).toEqual([200, 200, 200, 200]);
  expect(statuses.at(-1)).toBe(429);
  await limited.close();
});

it('counts clients behind a trusted proxy one by one', async () => {
  const limited = await startGateway({ config: { HANDSHAKES_PER_SECOND: 1, TRUST_PROXY: ['127.0.0.0/8'] } });
  const url = `${limited.url}/socket.io/?EIO=4&transport=polling`;
  for (let i = 0; i < 8; i += 1) {
    expect((await fetch(url, { headers: { 'x-forwarded-for': `203.0.113.${i}` } })).status).toBe(200);
  }
  await limited.close();
});

it('answers health, readiness and metrics on the same port', async () => {
  expect((await fetch(`${test.url}/healthz`)).status).toBe(200);
  await eventually(async () => expect((await fetch(`${test.url}/readyz`)).status).toBe(200));
  const metrics = await (await fetch(`${test.url}/metrics`)).text();
  expect(metrics).toMatch(/confab_gateway_sockets\{service="gateway"\} [1-9]/);
  expect(metrics).toContain('confab_gateway_refused_connections_total{reason="origin"');
  expect((await fetch(`${test.url}/`)).status).toBe(404);
});

it('writes no token into its log', () => {
  expect(test.lines.join('')).not.toMatch(/eyJ[A-Za-z0-9]/);
});
