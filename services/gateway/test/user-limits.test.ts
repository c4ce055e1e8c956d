import { createMemoryBus } from '@confab/memory';
import { eventually } from '@confab/testkit';
import { afterEach, expect, it } from 'vitest';
import { connected, emit, startApiStandIn, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

/* The limits of a user hold over all gateways: two of them share a bus here. */

const CONVERSATION = 'a'.repeat(24);
const gateways: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});

async function two(config: Record<string, unknown>): Promise<[TestGateway, TestGateway]> {
  const bus = createMemoryBus();
  const start = async (gatewayId: string) => {
    const buses = { api: bus.api, gateway: bus.gateway({ gatewayId }) };
    const gateway = await startGateway({ config, buses });
    gateways.push(gateway);
    return gateway;
  };
  return [await start('g1'), await start('g2')];
}

async function open(gateway: TestGateway, userId: string) {
  const socket = gateway.client(tokenOf(userId));
  const refusal = await connected(socket).then(
    () => undefined,
    (error: Error & { data?: { code: string; retryAfter?: number } }) => error.data,
  );
  return { socket, refusal };
}

it('a user has the limit of sockets once, wherever they are opened', async () => {
  const [one, other] = await two({ MAX_SOCKETS_PER_USER: 3 });
  const sockets = [await open(one, 'ann'), await open(other, 'ann'), await open(one, 'ann')];
  expect(sockets.map(({ refusal }) => refusal)).toEqual([undefined, undefined, undefined]);
  for (const gateway of [one, other]) {
    expect((await open(gateway, 'ann')).refusal).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', retryAfter: 30 });
  }
  expect((await open(other, 'bob')).refusal).toBeUndefined();
  sockets[0]?.socket.close();
  await eventually(async () => expect((await open(other, 'ann')).refusal).toBeUndefined());
  expect((await open(one, 'ann')).refusal).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
});

it('asked for many at once, never more than the limit', async () => {
  const both = await two({ MAX_SOCKETS_PER_USER: 5 });
  const opened = await Promise.all(Array.from({ length: 30 }, (_, i) => open(both[i % 2 ? 1 : 0], 'ann')));
  expect(opened.filter(({ refusal }) => refusal === undefined).length).toBeLessThanOrEqual(5);
  expect(opened.filter(({ refusal }) => refusal === undefined).length).toBeGreaterThanOrEqual(4);
});

it('a user has the budget of events once, wherever they are sent', async () => {
  const api = await startApiStandIn(['ann']);
  const [one, other] = await two({ EVENTS_PER_SECOND: 10, API_URL: api.url });
  const sockets: Awaited<ReturnType<typeof open>>['socket'][] = [];
  for (const gateway of [one, other, one, other]) sockets.push((await open(gateway, 'ann')).socket);
  const startedAt = performance.now();
  let accepted = 0;
  // Faster than the limit, slower than what gets a socket cut.
  const send = async (socket: (typeof sockets)[number]) => {
    while (performance.now() - startedAt < 8_000) {
      const ack = await emit(socket, 'leave:conversation', { conversationId: CONVERSATION });
      if (ack.success) accepted += 1;
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await Promise.all(sockets.map(send));
  const seconds = (performance.now() - startedAt) / 1_000;
  const limit = 20 * seconds + 60;
  console.log(`${accepted} events of at most ${Math.round(limit)} in ${seconds.toFixed(1)} s`);
  expect(accepted).toBeLessThanOrEqual(limit * 1.1);
  expect(accepted).toBeGreaterThan(limit * 0.8);
  await api.close();
});
