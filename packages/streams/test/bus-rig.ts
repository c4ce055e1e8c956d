/** For tests of the bus on a Redis that is ended, cut off and replaced. */
import type { GatewayBus } from '@confab/chat';
import { connectCommands, type RedisConnection } from '@confab/redis';
import { startRedis } from '@confab/testkit';
import { keptLog, uniqueUser } from '@confab/testkit/contracts';
import { afterEach } from 'vitest';
import { createRedisApiBus, createRedisGatewayBus, createRedisWorkerBus } from '../src/redis-bus.ts';

/** What is undone after each test, the last first. */
export const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function closing<T extends { close(): Promise<void> }>(opened: T): T {
  cleanups.push(() => opened.close());
  return opened;
}

/** A Redis of its own, with ways to open each side of the bus on it. */
export async function openRig(options: Parameters<typeof startRedis>[0] = {}) {
  const server = await startRedis(options);
  cleanups.push(() => server.stop());
  const { log, lines } = keptLog();
  const settings = { url: server.url, log, partitions: 2 };
  const admin = closing(connectCommands(settings));
  await admin.ready(5_000);
  return {
    server,
    admin,
    lines,
    api: async () => closing(await createRedisApiBus(settings)),
    gateway: async () => closing(await createRedisGatewayBus({ ...settings, gatewayId: uniqueUser('g') })),
    worker: async (consumerName = uniqueUser('w'), claimIdleMs = 10_000) =>
      closing(await createRedisWorkerBus({ ...settings, consumerName, claimIdleMs })),
  };
}

/** How often a command was called. */
export async function callsOf(admin: RedisConnection, command: string): Promise<number> {
  const info = await admin.run((client) => client.info('commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
}

/** A user who is registered at a gateway. */
export async function openHeldUser(gateway: GatewayBus): Promise<string> {
  const user = uniqueUser('u');
  await gateway.lease.register(user);
  return user;
}
