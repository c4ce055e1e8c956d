import { eventually, startRedis, type TestRedisServer } from '@confab/testkit';
import { keptLog, uniqueUser } from '@confab/testkit/contracts';
import { afterEach, expect, test } from 'vitest';
import { connectCommands, connectSubscriber, type RedisConnection } from './connection.ts';
import { RedisGatewayLease } from './gateway-lease.ts';
import { RedisPresenceRegistry } from './presence-registry.ts';
import { RedisRateLimiter } from './rate-limiter.ts';
import { RedisRevocationList } from './revocation-list.ts';
import { checkServer, checkVersion } from './server-check.ts';
import { Subscriptions } from './subscriptions.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function privateRedis(options: Parameters<typeof startRedis>[0] = {}): Promise<TestRedisServer> {
  const server = await startRedis(options);
  cleanups.push(() => server.stop());
  return server;
}

async function connectTo(server: TestRedisServer, over: { commandTimeoutMs?: number } = {}) {
  const { log, lines } = keptLog();
  const connection = connectCommands({ url: server.url, log, ...over });
  cleanups.push(() => connection.close());
  await connection.ready(5_000);
  return { connection, lines };
}

/** What became of a command, and after how many milliseconds. */
async function outcomeOf(command: Promise<unknown>): Promise<{ code: string; ms: number }> {
  const startedAt = performance.now();
  const code = await command.then(
    () => 'done',
    (error: { code?: string; name: string }) => error.code ?? error.name,
  );
  return { code, ms: performance.now() - startedAt };
}

const setSomething = (connection: RedisConnection) => connection.run((client) => client.set('key', 'value'));

test('a Redis that stalls is told as UNAVAILABLE within the time-out, also to those who come later', async () => {
  const server = await privateRedis();
  const { connection } = await connectTo(server, { commandTimeoutMs: 300 });
  const other = await connectTo(server);
  await other.connection.run((client) => client.call('CLIENT', 'PAUSE', '2000', 'ALL'));
  const first = outcomeOf(Promise.all([setSomething(connection), setSomething(connection)]));
  const later = outcomeOf(new Promise((resolve) => setTimeout(resolve, 150)).then(() => setSomething(connection)));
  expect((await first).code).toBe('UNAVAILABLE');
  expect((await first).ms).toBeLessThan(600);
  expect((await later).code).toBe('UNAVAILABLE');
  expect((await later).ms).toBeLessThan(900);
  await eventually(() => setSomething(connection), 5_000);
});

test('a command that timed out does not take effect after the stall', async () => {
  const server = await privateRedis();
  const { connection } = await connectTo(server, { commandTimeoutMs: 300 });
  const other = await connectTo(server);
  await other.connection.run((client) => client.call('CLIENT', 'PAUSE', '1500', 'WRITE'));
  expect((await outcomeOf(connection.run((client) => client.rpush('list', 'late')))).code).toBe('UNAVAILABLE');
  await eventually(() => setSomething(connection), 5_000);
  expect(await connection.run((client) => client.llen('list'))).toBe(0);
});

test('a frozen server is noticed, and commands work again once it goes on', async () => {
  const server = await privateRedis();
  const { connection } = await connectTo(server, { commandTimeoutMs: 300 });
  process.kill(server.pid, 'SIGSTOP');
  const outcomes = [await outcomeOf(setSomething(connection)), await outcomeOf(setSomething(connection))];
  process.kill(server.pid, 'SIGCONT');
  expect(outcomes.map((outcome) => outcome.code)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
  for (const outcome of outcomes) expect(outcome.ms).toBeLessThan(600);
  await eventually(() => setSomething(connection), 5_000);
});

test('a killed server fails commands at once, in flight or not, and is found again after its restart', async () => {
  const server = await privateRedis();
  const { connection, lines } = await connectTo(server);
  const inFlight = outcomeOf(connection.run((client) => client.blpop('nothing', 5)));
  await server.kill();
  expect(await inFlight).toMatchObject({ code: 'UNAVAILABLE' });
  // At the loss of the connection, and not only when the time-out of a second is over.
  expect((await inFlight).ms).toBeLessThan(800);
  await eventually(() => expect(connection.isReady).toBe(false));
  const after = await outcomeOf(setSomething(connection));
  expect(after.code).toBe('UNAVAILABLE');
  expect(after.ms).toBeLessThan(300);
  await server.restart();
  await eventually(() => setSomething(connection), 5_000);
  expect(lines.map((line) => line.message)).toEqual([
    'the connection to Redis is lost; connecting again',
    'connected to Redis again',
  ]);
});

test('a full Redis is told as UNAVAILABLE and heals without a reconnect', async () => {
  const server = await privateRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
  const { connection } = await connectTo(server);
  const fill = async () => {
    for (let i = 0; i < 200; i++) await connection.run((client) => client.set(`fill-${i}`, 'x'.repeat(50_000)));
  };
  expect((await outcomeOf(fill())).code).toBe('UNAVAILABLE');
  await connection.run((client) => client.flushall());
  expect((await outcomeOf(setSomething(connection))).code).toBe('done');
});

test('in a full Redis leases are still renewed, so that not all gateways re-register at once', async () => {
  const server = await privateRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
  const { connection } = await connectTo(server);
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g' });
  await lease.reincarnate(['u']);
  await connection.run((client) => client.config('SET', 'maxmemory', '1'));
  await expect(lease.register('v')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await lease.renew()).toBe(true);
  await lease.release();
  expect(await new RedisPresenceRegistry(connection).onlineAmong(['u'])).toEqual(new Set());
});

test('a server whose policy may throw keys away is pointed out', async () => {
  const server = await privateRedis({ args: ['--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru'] });
  const { connection, lines } = await connectTo(server);
  await checkServer(connection);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { policy: 'allkeys-lru' } });
});

test('a server that is too old is refused by name', () => {
  expect(() => checkVersion('6.2.14')).toThrow('Redis 7.0 or newer is needed, this is 6.2.14');
  for (const version of ['7.0.0', '7.2.4', '8.0.1', '10.1.0']) expect(() => checkVersion(version)).not.toThrow();
});

test('a wrong command is a defect, not an outage', async () => {
  const { connection } = await connectTo(await privateRedis());
  await setSomething(connection);
  await expect(connection.run((client) => client.lpush('key', 'x'))).rejects.toMatchObject({ name: 'ReplyError' });
});

test('a script that Redis forgot runs all the same', async () => {
  const { connection } = await connectTo(await privateRedis());
  const limiter = new RedisRateLimiter(connection);
  const rule = { limit: 1, windowMs: 60_000 };
  expect(await limiter.take('key', rule, 'a')).toEqual({ allowed: true, left: 0 });
  await connection.run((client) => client.script('FLUSH'));
  expect(await limiter.take('key', rule, 'b')).toMatchObject({ allowed: false });
});

test('rate limits go on per process while Redis is away, say so once, and are shared again afterwards', async () => {
  const server = await privateRedis();
  const { connection, lines } = await connectTo(server);
  const limiter = new RedisRateLimiter(connection);
  const rule = { limit: 2, windowMs: 60_000 };
  await server.kill();
  const answers = [];
  for (const member of ['a', 'a', 'b', 'c']) answers.push(await limiter.take('key', rule, member));
  expect(answers.map((answer) => answer.allowed)).toEqual([true, true, true, false]);
  await limiter.giveBack('key', 'a');
  expect(await limiter.take('key', rule, 'c')).toEqual({ allowed: true, left: 0 });
  await server.restart();
  await eventually(async () => {
    await limiter.take('other', rule, 'a');
    expect(await connection.run((client) => client.exists(connection.keys.rateWindow('other')))).toBe(1);
  }, 5_000);
  const about = lines.filter((line) => line.message.startsWith('rate limits'));
  expect(about.map((line) => line.level)).toEqual(['warn', 'info']);
});

test('a lease that nobody renews ends by itself; its users are reaped and due for a check', async () => {
  const { connection } = await connectTo(await privateRedis());
  const registry = new RedisPresenceRegistry(connection);
  const openedAt = performance.now();
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g', leaseMs: 600 });
  await lease.reincarnate([]);
  const user = uniqueUser('u');
  await lease.register(user);
  await registry.claimOnline(user);
  const reaped = await eventually(async () => {
    const found = await registry.reapExpired();
    expect(found).not.toEqual([]);
    return found;
  }, 3_000);
  expect(performance.now() - openedAt).toBeGreaterThan(590);
  expect(performance.now() - openedAt).toBeLessThan(2_500);
  expect(reaped).toEqual([{ instance: lease.instance, userIds: [user] }]);
  expect(await lease.renew()).toBe(false);
  expect(await registry.dueOfflineChecks(Date.now() + 1_000, 10)).toEqual([user]);
  expect(await registry.claimOffline(user)).toBe(true);
});

test('a renewed lease outlives its first length', async () => {
  const { connection } = await connectTo(await privateRedis());
  const registry = new RedisPresenceRegistry(connection);
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g', leaseMs: 600 });
  await lease.reincarnate(['u']);
  const startedAt = performance.now();
  await eventually(async () => {
    if (!(await lease.renew())) throw new Error('the lease was lost');
    return performance.now() - startedAt > 1_500;
  }, 4_000);
  expect(await registry.onlineAmong(['u'])).toEqual(new Set(['u']));
});

test('a lease whose inbox is lost, or that a wiped Redis forgot, is not renewed; the next incarnation has everyone', async () => {
  const { connection } = await connectTo(await privateRedis());
  const registry = new RedisPresenceRegistry(connection);
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g' });
  await lease.reincarnate([]);
  await connection.run((client) => client.del(connection.keys.inbox(lease.instance)));
  expect(await lease.renew()).toBe(false);
  await lease.reincarnate(['u']);
  await connection.run((client) => client.flushall());
  expect(await lease.renew()).toBe(false);
  const many = Array.from({ length: 1_200 }, (_, i) => `u${i}`);
  await lease.reincarnate(many);
  expect(await lease.renew()).toBe(true);
  expect((await registry.onlineAmong(many)).size).toBe(1_200);
});

test('a reincarnation that Redis did not finish is not kept up', async () => {
  const server = await privateRedis();
  const { connection } = await connectTo(server);
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g' });
  await lease.reincarnate(['u']);
  await server.kill();
  await expect(lease.reincarnate(['u'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await server.restart();
  await connection.ready(5_000);
  expect(await lease.renew()).toBe(false);
});

test('a lease whose users are not all registered is not kept up, though Redis has it', async () => {
  const { connection } = await connectTo(await privateRedis());
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g' });
  await connection.run((client) => client.set(connection.keys.userInstances('broken'), 'not a set'));
  await expect(lease.reincarnate(['u', 'broken'])).rejects.toMatchObject({ name: 'ReplyError' });
  expect(await new RedisPresenceRegistry(connection).liveAmong([lease.instance])).toEqual(new Set([lease.instance]));
  expect(await lease.renew()).toBe(false);
  await lease.reincarnate(['u']);
  expect(await lease.renew()).toBe(true);
});

test('a worker that died between finding an instance and removing it leaves it for the next one', async () => {
  const { connection } = await connectTo(await privateRedis());
  const lease = new RedisGatewayLease(connection, { gatewayId: 'g' });
  await lease.reincarnate([]);
  await lease.register('u');
  await lease.release();
  // What a reaper has done when it dies halfway: the user is cleaned up, the instance is still listed.
  await new RedisPresenceRegistry(connection).forget(lease.instance, ['u']);
  const next = new RedisPresenceRegistry(connection, { offlineGraceMs: 0 });
  expect(await next.reapExpired()).toEqual([{ instance: lease.instance, userIds: ['u'] }]);
  expect(await next.dueOfflineChecks(Date.now() + 1_000, 10)).toEqual(['u']);
  expect(await connection.run((client) => client.keys('*instance*'))).toEqual([]);
});

async function openRevocations(server: TestRedisServer) {
  const { connection } = await connectTo(server);
  const subscriptions = new Subscriptions(connectSubscriber({ url: server.url, log: keptLog().log }));
  const list = new RedisRevocationList(connection, subscriptions, { refreshMs: 200 });
  cleanups.push(async () => {
    await list.close();
    await subscriptions.close();
  });
  await list.start();
  return { list, connection };
}

test('revocations go on deciding while Redis is away, and new ones come through after its restart', async () => {
  const server = await privateRedis({ persistence: true });
  const [here, elsewhere] = [await openRevocations(server), await openRevocations(server)];
  await here.list.add({ userId: 'u', issuedBefore: 100 });
  await eventually(() => expect(elsewhere.list.isRevoked({ userId: 'u', issuedAt: 1 })).toBe(true));
  await server.kill();
  expect(elsewhere.list.isRevoked({ userId: 'u', issuedAt: 1 })).toBe(true);
  await expect(here.list.add({ userId: 'v', issuedBefore: 100 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await server.restart();
  await eventually(() => here.list.add({ userId: 'w', issuedBefore: 100 }), 5_000);
  await eventually(() => expect(elsewhere.list.isRevoked({ userId: 'w', issuedAt: 1 })).toBe(true), 5_000);
});

test('revocations that Redis lost are put back, so that a process that starts later knows them', async () => {
  const server = await privateRedis();
  const { list, connection } = await openRevocations(server);
  await list.add({ userId: 'u', issuedBefore: 100 });
  await list.add({ tokenId: 't', issuedBefore: 100 });
  await connection.run((client) => client.flushall());
  await eventually(async () => {
    const late = await openRevocations(server);
    expect(late.list.isRevoked({ userId: 'u', issuedAt: 1 })).toBe(true);
    expect(late.list.isRevoked({ userId: 'x', tokenId: 't', issuedAt: 1 })).toBe(true);
  }, 5_000);
});
