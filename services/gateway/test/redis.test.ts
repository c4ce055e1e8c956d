import { fileURLToPath } from 'node:url';
import type { ApiBus } from '@confab/chat';
import { createRedisApiBus, createRedisGatewayBus, createRedisWorkerBus } from '@confab/streams';
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

async function startGatewayProcess(env: Record<string, string> = {}): Promise<void> {
  port = await freePort();
  gateway = launch({ PORT: String(port), GATEWAY_ID: 'gateway-1', ...env });
  await untilReady(port);
}

const untilReady = (at: number) =>
  eventually(async () => expect((await fetch(`http://127.0.0.1:${at}/readyz`)).status).toBe(200), 20_000);

const client = async (userId: string, at = port) => {
  const one = io(`http://127.0.0.1:${at}`, {
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

it('is a new instance when it wakes from a freeze longer than its lease: who moved stays where they are, who stayed resyncs', async () => {
  // Clients that do not notice the freeze: the sockets that remain are what this is about.
  await startGatewayProcess({ PING_TIMEOUT_MS: '60000' });
  const otherPort = await freePort();
  const other = launch({ PORT: String(otherPort), GATEWAY_ID: 'gateway-2' });
  const worker = await createRedisWorkerBus({ url: redis.url, consumerName: 'worker', log });
  const { presence } = worker;
  const admin = new Redis(redis.url);
  await untilReady(otherPort);
  const stayer = await client('stayer');
  const mover = await client('mover');
  const seenByStayer = seenOf(stayer);
  expect(await Promise.all(['stayer', 'mover'].map((userId) => presence.claimOnline(userId)))).toEqual([true, true]);
  const [former = ''] = (await presence.instancesOf(['stayer'])).get('stayer') ?? [];

  gateway.child.kill('SIGSTOP');
  const frozenAt = performance.now();
  expect(await publish('{"n":1}', ['stayer', 'mover'])).toEqual({ instances: 1 });
  mover.close();
  const moved = await client('mover', otherPort);
  const seenByMoved = seenOf(moved);
  const reaped = async () => (await presence.reapExpired()).flatMap(({ instance }) => instance);
  await eventually(async () => expect(await reaped()).toContain(former), 20_000, 100);
  const reapedAt = performance.now();
  expect(await publish('{"n":2}', ['stayer', 'mover'])).toEqual({ instances: 1 });
  expect(await Promise.all(['stayer', 'mover'].map((userId) => presence.claimOffline(userId)))).toEqual([true, false]);

  const required = next(stayer, 'sync:required');
  gateway.child.kill('SIGCONT');
  const wokenAt = performance.now();
  await required;
  await eventually(async () => {
    const instances = await presence.instancesOf(['stayer', 'mover']);
    expect(instances.get('stayer')).toEqual([expect.stringMatching(/^gateway-1\./)]);
    expect(instances.get('stayer')).not.toContain(former);
    expect(instances.get('mover')).toEqual([expect.stringMatching(/^gateway-2\./)]);
  });
  console.log(
    `reaped ${Math.round(reapedAt - frozenAt)} ms after the freeze, right again ${Math.round(performance.now() - wokenAt)} ms after the wake`,
  );
  // What the woken gateway told of its users: the mover's going is no departure, the stayer is back.
  await eventually(async () => expect(await presenceTold(admin)).toContainEqual(['mover', 'disconnected']));
  expect((await presenceTold(admin)).findLast(([userId]) => userId === 'stayer')).toEqual(['stayer', 'connected']);
  expect(await Promise.all(['stayer', 'mover'].map((userId) => presence.claimOnline(userId)))).toEqual([true, false]);
  expect(await Promise.all(['stayer', 'mover'].map((userId) => presence.claimOffline(userId)))).toEqual([false, false]);

  expect(await publish('{"n":3}', ['stayer', 'mover'])).toEqual({ instances: 2 });
  await eventually(() => expect([seenByStayer.at(-1), seenByMoved.at(-1)]).toEqual([3, 3]));
  // The first was on its way into the frozen process: it may come late, and never after what is newer, or twice.
  expect([[3], [1, 3]]).toContainEqual(seenByStayer);
  expect(seenByMoved).toEqual([2, 3]);
  expect(await admin.keys(`*${former}*`)).toEqual([]);
  expect(await reaped()).toEqual([]);

  for (const one of [stayer, moved]) one.close();
  admin.disconnect();
  await worker.close();
  await stopTestProcess(other);
}, 60_000);

/** The `n` of each message that a socket gets, as they come. */
function seenOf(one: Socket): number[] {
  const seen: number[] = [];
  one.on('new:message', ({ n }: { n: number }) => seen.push(n));
  return seen;
}

/** What gateways wrote into the receipts log about who came and went: user and state, in order for each user. */
async function presenceTold(admin: Redis): Promise<[userId: string, state: string][]> {
  const told: [string, string][] = [];
  for (const stream of await admin.keys('confab:receipts:*')) {
    for (const [, [, entry = '{}']] of await admin.xrange(stream, '-', '+')) {
      const { type, userId, state } = JSON.parse(entry);
      if (type === 'presence') told.push([userId, state]);
    }
  }
  return told;
}

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
