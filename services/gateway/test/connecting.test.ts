import { text } from 'node:stream/consumers';
import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connected, memoryBuses, ORIGIN, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

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
  expect(await refusal(tokenOf('many'))).toEqual({
    code: 'TOO_MANY_CONNECTIONS',
    message: 'This user has too many connections',
    retryAfter: 30,
  });
  sockets[0]?.close();
  await eventually(async () => expect(await refusal(tokenOf('many'))).toBeUndefined());
});

/** The answer to an upgrade that is not let in; `status` is 101 if it is. */
const upgrade = (url: string, origin?: string) =>
  new Promise<{ status: number; retryAfter?: string | undefined; body?: unknown }>((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { origin });
    socket.once('open', () => {
      resolve({ status: 101 });
      socket.terminate();
    });
    socket.once('unexpected-response', async (_request, response) => {
      const body = JSON.parse(await text(response));
      resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body });
    });
    socket.once('error', reject);
  });

const polled = async (url: string) => {
  const response = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
  const retryAfter = response.headers.get('retry-after') ?? undefined;
  return { status: response.status, retryAfter, body: await response.json() };
};

const refusedWith = (status: number, code: string, retryAfter: number) => ({
  ...{ status, retryAfter: String(retryAfter) },
  body: { success: false, error: { code, message: expect.any(String), retryAfter }, retryAfter },
});

it.each([['websocket'], ['polling']])(
  'lets plain clients come back by themselves after trouble of ours over %s',
  async (transport) => {
    const { bus: _, ...buses } = memoryBuses();
    const takeSockets = buses.gateway.quota.takeSockets.bind(buses.gateway.quota);
    let failures = 0;
    buses.gateway.quota.takeSockets = (...counted) => {
      if (failures === 2) return takeSockets(...counted);
      failures += 1;
      return Promise.reject(new Error('a defect'));
    };
    const troubled = await startGateway({ buses });
    const socket = troubled.client(tokenOf('ann'), {
      ...{ transports: [transport], reconnection: true, reconnectionDelay: 20 },
    });
    const refusals: Error[] = [];
    socket.on('connect_error', (error) => refusals.push(error));
    await eventually(() => expect(socket.connected).toBe(true));
    expect([failures, refusals]).toEqual([2, []]);
    await troubled.close();
  },
);

describe('origins', () => {
  const handshake = (headers: Record<string, string>) =>
    fetch(`${test.url}/socket.io/?EIO=4&transport=polling`, { headers });
  const upgradeStatus = async (origin?: string) => (await upgrade(test.url, origin)).status;

  it.each(['https://evil.example', 'http://localhost:3001', 'http://localhost', 'https://localhost:3000', 'null'])(
    'refuses %s with 403 over both transports',
    async (origin) => {
      expect((await handshake({ origin })).status).toBe(403);
      expect(await upgradeStatus(origin)).toBe(403);
    },
  );

  it('says it in the words of the catalogue over both transports', async () => {
    const error = { code: 'ORIGIN_NOT_ALLOWED', message: 'This origin is not allowed' };
    const origin = 'https://evil.example';
    expect(await (await handshake({ origin })).json()).toEqual({ success: false, error });
    expect((await upgrade(test.url, origin)).body).toEqual({ success: false, error });
  });

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
  expect(await polled(limited.url)).toEqual(refusedWith(429, 'RATE_LIMITED', 1));
  expect(await upgrade(limited.url)).toEqual(refusedWith(429, 'RATE_LIMITED', 1));
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
  expect(metrics).toContain('# TYPE confab_gateway_receipts_dropped_total counter');
  expect((await fetch(`${test.url}/`)).status).toBe(404);
});

it('writes no token into its log', () => {
  expect(test.lines.join('')).not.toMatch(/eyJ[A-Za-z0-9]/);
});
