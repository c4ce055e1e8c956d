import { fileURLToPath } from 'node:url';
import type { ApiBus } from '@confab/chat';
import { createRedisApiBus, createRedisGatewayBus } from '@confab/streams';
import {
  eventually,
  freePort,
  spawnTestProcess,
  startRedis,
  stopTestProcess,
  type TestProcess,
  type TestRedisServer,
} from '@confab/testkit';
import { Redis } from 'ioredis';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CONVERSATION,
  connected,
  emit,
  next,
  SECRET,
  startApiStandIn,
  startGateway,
  tokenOf,
} from './start-gateway.ts';

/* The gateway as its own process, over a real Redis. */

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const log = { info: () => {}, warn: () => {}, error: () => {} };
let redis: TestRedisServer;
let api: ApiBus;
let gateway: TestProcess;
let port: number;
let socket: Socket;

function launch(env: Record<string, string | undefined>): TestProcess {
  const base = { PATH: process.env.PATH, HOST: '127.0.0.1', DRAIN_MS: '300', JWT_SECRET: SECRET, REDIS_URL: redis.url };
  const full = Object.fromEntries(Object.entries({ ...base, ...env }).filter(([, value]) => value !== undefined));
  return spawnTestProcess(process.execPath, ['--conditions=confab-source', main], full as NodeJS.ProcessEnv);
}

async function startGatewayProcess(): Promise<void> {
  port = await freePort();
  gateway = launch({ PORT: String(port), GATEWAY_ID: 'gateway-1' });
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), 20_000);
}

const client = async (userId: string) => {
  const one = io(`http://127.0.0.1:${port}`, {
    auth: { token: tokenOf(userId) },
    transports: ['websocket'],
    forceNew: true,
  });
  await connected(one);
  return one;
};
const publish = (payload: string, to: string[]) =>
  api.publisher.publish({ event: 'new:message', payload, traceId: 'test-trace' }, to);

beforeAll(async () => {
  redis = await startRedis();
  api = await createRedisApiBus({ url: redis.url, log });
});
afterAll(async () => {
  await api.close();
  await redis.stop();
});
afterEach(async () => {
  socket?.close();
  if (gateway) await stopTestProcess(gateway);
});

describe('a gateway process', () => {
  it('pushes what another process publishes, byte for byte', async () => {
    await startGatewayProcess();
    socket = await client('u1');
    const packets: string[] = [];
    socket.io.engine.on('packet', ({ data }: { data?: string }) => data && packets.push(data));
    const payload = '{"message":{"text":"\u{1F600} \\u00e9 \\"x\\"", "n" : 1.0}}';
    expect(await publish(payload, ['u1', 'nobody'])).toEqual({ instances: 1 });
    await eventually(() => expect(packets).toContain(`2["new:message",${payload}]`));
  });

  it('drains on SIGTERM, gives its lease back, and exits 0', async () => {
    await startGatewayProcess();
    socket = await client('u1');
    const end = next<{ code: string }>(socket, 'session:end');
    gateway.child.kill('SIGTERM');
    expect((await end).code).toBe('DRAINING');
    expect(await gateway.exited).toBe(0);
    expect(await api.presence.onlineAmong(['u1'])).toEqual(new Set());
    expect(gateway.output()).not.toContain('"level":"error"');
  });

  it('says sync:required and goes on within 5 s after Redis lost everything', async () => {
    await startGatewayProcess();
    socket = await client('u1');
    const required = next(socket, 'sync:required');
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    const startedAt = performance.now();
    await required;
    await eventually(async () => expect(await publish('{"after":1}', ['u1'])).toEqual({ instances: 1 }));
    console.log(`registered anew ${Math.round(performance.now() - startedAt)} ms after FLUSHALL`);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(socket.connected).toBe(true);
  });

  it('keeps its sockets while Redis is away, refuses new ones without telling them to stay away, and goes on', async () => {
    await startGatewayProcess();
    socket = await client('u1');
    await redis.kill();
    const late = io(`http://127.0.0.1:${port}`, {
      auth: { token: tokenOf('late') },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 200,
      reconnectionDelayMax: 500,
    });
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503), 15_000);
    expect((await emit(socket, 'typing:start', { conversationId: 'a'.repeat(24) })).error?.code).toBe('UNAVAILABLE');
    const required = next(socket, 'sync:required');
    await redis.restart();
    const startedAt = performance.now();
    await required;
    console.log(`registered anew ${Math.round(performance.now() - startedAt)} ms after Redis came back empty`);
    await eventually(() => expect(late.connected).toBe(true), 10_000);
    const event = next(late, 'new:message');
    await eventually(() => publish('{"back":true}', ['late']), 10_000);
    expect(await event).toEqual({ back: true });
    expect(socket.connected).toBe(true);
    late.close();
  });
});

it('answers within 5 s while Redis stalls for 10 s, keeps its sockets, and says sync:required or goes on', async () => {
  const standIn = await startApiStandIn(['ann']);
  const bus = await createRedisGatewayBus({ url: redis.url, gatewayId: 'stalled', log });
  const test = await startGateway({ buses: { api, gateway: bus }, config: { API_URL: standIn.url } });
  const one = await test.connect(tokenOf('ann'));
  expect((await emit(one, 'message:read', { conversationId: CONVERSATION })).success).toBe(true);
  const admin = new Redis(redis.url);
  await admin.call('CLIENT', 'PAUSE', '10000', 'ALL');
  const startedAt = performance.now();
  const read = await emit(one, 'message:read', { conversationId: CONVERSATION });
  console.log(
    `a read was answered ${Math.round(performance.now() - startedAt)} ms into the stall: ${read.error?.code}`,
  );
  expect(read.error).toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  await eventually(
    async () => {
      expect(await test.publish({ payload: '{"after":1}' }, ['ann'])).toEqual({ instances: 1 });
    },
    25_000,
    200,
  );
  console.log(`published again ${Math.round(performance.now() - startedAt)} ms after the stall began`);
  const event = next(one, 'new:message');
  await eventually(() => test.publish({ payload: '{"after":2}' }, ['ann']));
  await event;
  await eventually(async () =>
    expect((await emit(one, 'message:read', { conversationId: CONVERSATION })).success).toBe(true),
  );
  expect(one.connected).toBe(true);
  admin.disconnect();
  one.close();
  await test.gateway.close();
  await bus.close();
  await standIn.close();
}, 60_000);

describe('a process that cannot start', () => {
  it('lists every bad variable in one line and exits 1', async () => {
    gateway = launch({ JWT_SECRET: undefined, PORT: '70000' });
    expect(await gateway.exited).toBe(1);
    const lines = gateway.output().trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '').msg).toContain('PORT is not valid');
  });

  it('names Redis and exits 1 if there is none', async () => {
    gateway = launch({ REDIS_URL: `redis://127.0.0.1:${await freePort()}`, PORT: '0' });
    expect(await gateway.exited).toBe(1);
    expect(gateway.output()).toContain('start failed');
  }, 40_000);
});
