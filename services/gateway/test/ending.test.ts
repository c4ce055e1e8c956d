import { eventually } from '@confab/testkit';
import type { Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CONVERSATION,
  connected,
  emit,
  memoryBuses,
  messageOf,
  next,
  reply,
  startApiStandIn,
  startGateway,
  type TestGateway,
  tokenOf,
} from './start-gateway.ts';

let test: TestGateway;
afterEach(() => test.close());

interface End {
  code: string;
  reconnect: string;
  retryAfter?: number;
}

describe.each(['websocket', 'polling'])('over %s', (transport) => {
  it('ends a socket when its token expires, and nothing comes after', async () => {
    test = await startGateway();
    const exp = Math.floor(Date.now() / 1_000) + 2;
    const socket = await test.connect(tokenOf('u1', { exp }), { transports: [transport] });
    const got: string[] = [];
    socket.onAny((event) => got.push(event));
    const publishing = setInterval(() => void test.publish({ payload: '{}' }, ['u1']), 20);
    const end = await next<End>(socket, 'session:end');
    const endedAt = Date.now() / 1_000;
    await eventually(() => expect(socket.connected).toBe(false));
    clearInterval(publishing);
    expect(end).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: 'new-token' });
    expect(endedAt - exp).toBeGreaterThanOrEqual(0);
    expect(endedAt - exp).toBeLessThan(2);
    expect(got.at(-1)).toBe('session:end');
  });

  it('ends the sockets of a revoked user, and of a revoked token, and leaves others alone', async () => {
    test = await startGateway();
    const options = { transports: [transport] };
    const user = await test.connect(tokenOf('banned'), options);
    const token = await test.connect(tokenOf('u2', { jti: 't2' }), options);
    const other = await test.connect(tokenOf('u2', { jti: 't3' }), options);
    const ends = Promise.all([user, token].map((socket) => next<End>(socket, 'session:end')));
    await test.api.revocations.add({ userId: 'banned', issuedBefore: Math.ceil(Date.now() / 1_000) + 1 });
    await test.api.revocations.add({ tokenId: 't2', issuedBefore: 0 });
    expect((await ends).map((end) => end.code)).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED']);
    await eventually(() => expect([user.connected, token.connected]).toEqual([false, false]));
    expect(other.connected).toBe(true);
  });
});

it('ends a socket whose token was revoked while it was being counted in', async () => {
  const buses = memoryBuses();
  const { lease } = buses.gateway;
  const register = lease.register.bind(lease);
  const [entering, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  lease.register = async (userId) => {
    entering.resolve();
    await go.promise;
    return register(userId);
  };
  test = await startGateway({ buses });
  const socket = test.client(tokenOf('eve', { jti: 't1' }));
  const end = next<End>(socket, 'session:end');
  await entering.promise;
  await test.api.revocations.add({ tokenId: 't1', issuedBefore: 0 });
  go.resolve();
  expect((await end).code).toBe('TOKEN_REVOKED');
  await eventually(() => expect(socket.connected).toBe(false));
});

it('lets a token in again that was issued after the revocation', async () => {
  test = await startGateway();
  const now = Math.floor(Date.now() / 1_000);
  await test.api.revocations.add({ userId: 'u1', issuedBefore: now - 10 });
  await test.connect(tokenOf('u1', { iat: now - 5 }));
  await expect(connected(test.client(tokenOf('u1', { iat: now - 15 })))).rejects.toThrow('revoked');
});

describe('draining', () => {
  it('refuses new sockets, tells the others when to come back, and closes them all', async () => {
    const buses = memoryBuses();
    test = await startGateway({ buses, config: { DRAIN_MS: 600 } });
    const sockets = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        test.connect(tokenOf(`u${n}`), { transports: [n % 3 === 0 ? 'polling' : 'websocket'] }),
      ),
    );
    const ends: (End & { at: number })[] = [];
    for (const socket of sockets) socket.on('session:end', (end) => ends.push({ ...end, at: performance.now() }));
    const lastEvent = next(sockets[11] as Socket, 'new:message');
    await test.publish({ payload: '{}' }, ['u11']);
    const startedAt = performance.now();
    const closing = test.gateway.close();
    await eventually(async () => expect((await fetch(`${test.url}/readyz`)).status).toBe(503));
    const refused = await fetch(`${test.url}/socket.io/?EIO=4&transport=polling`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({
      success: false,
      error: { code: 'UNAVAILABLE', message: 'This gateway is being replaced', retryAfter: 1 },
      retryAfter: 1,
    });
    expect((await fetch(`${test.url}/healthz`)).status).toBe(200);
    expect((await closing).failed).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await lastEvent;
    await eventually(() => expect(sockets.filter((socket) => socket.connected)).toEqual([]));
    expect(ends).toHaveLength(12);
    expect(new Set(ends.map((end) => end.code))).toEqual(new Set(['DRAINING']));
    expect(ends.every(({ retryAfter = 0 }) => retryAfter >= 1 && retryAfter <= 5)).toBe(true);
    // In batches, not all at once.
    expect((ends.at(-1)?.at ?? 0) - (ends[0]?.at ?? 0)).toBeGreaterThan(300);
    expect(await buses.bus.presence.instancesOf(sockets.map((_, n) => `u${n}`))).toEqual(new Map());
  });

  it('ends where plain clients come back by themselves, at another gateway', async () => {
    test = await startGateway();
    const successor = await startGateway();
    const socket = await test.connect(tokenOf('u1'), {
      reconnection: true,
      reconnectionDelay: 20,
      reconnectionDelayMax: 50,
    });
    const reason = next<string>(socket, 'disconnect');
    const closing = test.gateway.close();
    expect(await reason).toBe('transport close');
    (socket.io as unknown as { uri: string }).uri = successor.url;
    await eventually(() => expect(socket.connected).toBe(true));
    await closing;
    await successor.close();
  });

  it('lets a send that is under way have its answer', async () => {
    const standIn = await startApiStandIn(['ann']);
    test = await startGateway({ config: { API_URL: standIn.url } });
    const socket = await test.connect(tokenOf('ann'));
    standIn.state.answer = (_request, response) => {
      setTimeout(() => reply(response, 201, { success: true, data: messageOf() }), 500);
      return true;
    };
    const ack = emit(socket, 'send:message', { conversationId: CONVERSATION, text: 'x' });
    await eventually(() => expect(standIn.seen).toHaveLength(1));
    const closing = test.gateway.close();
    expect((await ack).success).toBe(true);
    await closing;
    await standIn.close();
  });

  it('can be closed twice', async () => {
    test = await startGateway();
    expect(await Promise.all([test.gateway.close(), test.gateway.close()])).toHaveLength(2);
  });
});
