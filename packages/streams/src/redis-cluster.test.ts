import { connectCommands, RedisGatewayLease, RedisPresenceRegistry, RedisRateLimiter } from '@confab/redis';
import { eventually, startRedisCluster, type TestRedisCluster, type TestRedisServer } from '@confab/testkit';
import {
  busContract,
  deliveredReceipt,
  keptLog,
  presenceContract,
  rateLimiterContract,
} from '@confab/testkit/contracts';
import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedisApiBus, createRedisGatewayBus, createRedisWorkerBus } from './redis-bus.ts';

let cluster: TestRedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster(3);
});
afterAll(() => cluster.stop());

let prefixes = 0;
const settings = () => ({ url: cluster.url, cluster: true, keyPrefix: `t${++prefixes}`, log: keptLog().log });

async function connect() {
  const connection = connectCommands(settings());
  await connection.ready(10_000);
  return connection;
}

presenceContract('Redis Cluster', async () => {
  const connection = await connect();
  return {
    registry: new RedisPresenceRegistry(connection),
    openLease: async (gatewayId) => {
      const lease = new RedisGatewayLease(connection, { gatewayId });
      await lease.reincarnate([]);
      return lease;
    },
    expire: async (lease) => {
      await connection.run((client) => client.zadd(connection.keys.leases, 'XX', Date.now() - 1, lease.instance));
    },
    close: () => connection.close(),
  };
});

rateLimiterContract('Redis Cluster', async () => {
  const connection = await connect();
  return { limiter: new RedisRateLimiter(connection), close: () => connection.close() };
});

busContract('Redis Cluster', async () => {
  const shared = settings();
  const connection = connectCommands(shared);
  await connection.ready(10_000);
  const api = await createRedisApiBus(shared);
  return {
    api,
    openGateway: (gatewayId) => createRedisGatewayBus({ ...shared, gatewayId }),
    openWorker: (worker) => createRedisWorkerBus({ ...settings(), ...worker }),
    trimInbox: async (gateway, keep) => {
      await connection.run((client) => client.xtrim(connection.keys.inbox(gateway.lease.instance), 'MAXLEN', keep));
    },
    close: async () => {
      await api.close();
      await connection.close();
    },
  };
});

test('Redis Cluster: processed receipts leave memory, in each partition on its node', async () => {
  const shared = settings();
  const connection = connectCommands(shared);
  await connection.ready(10_000);
  const worker = await createRedisWorkerBus({ ...shared, consumerName: 'w1', tidyEveryMs: 1 });
  const lengths = () =>
    connection.run((client) => Promise.all([0, 1, 2, 3].map((p) => client.xlen(connection.keys.receipts(p)))));
  try {
    await worker.receipts.append(Array.from({ length: 4_000 }, () => deliveredReceipt()));
    expect(Math.min(...(await lengths()))).toBeGreaterThan(500);
    void (async () => {
      for await (const batch of worker.consumer.batches()) await worker.consumer.acknowledge(batch);
    })();
    await eventually(async () => expect(Math.max(...(await lengths()))).toBeLessThanOrEqual(200), 10_000);
  } finally {
    await worker.close();
    await connection.close();
  }
});

test('Redis Cluster: after a restart of any node everybody is registered anew, but not after a lost connection', async () => {
  const shared = settings();
  const gateway = await createRedisGatewayBus({ ...shared, gatewayId: 'g' });
  const connection = connectCommands(shared);
  const nodeOf = async (key: string) => {
    const slot = Number(await connection.run((client) => client.cluster('KEYSLOT', key)));
    return cluster.nodes.findIndex((_, i) => slot < Math.floor(((i + 1) * 16_384) / cluster.nodes.length));
  };
  // A command may still meet a connection that was cut.
  const renew = () => eventually(() => gateway.lease.renew(), 15_000);
  try {
    await connection.ready(10_000);
    const { leases, inbox } = connection.keys;
    const busy = [await nodeOf(leases), await nodeOf(inbox(gateway.lease.instance))];
    const idle = cluster.nodes.find((_, i) => !busy.includes(i)) as TestRedisServer;
    expect(await renew()).toBe(true);
    const node = (connection.client as unknown as Cluster)
      .nodes('master')
      .find(({ options }) => options.port === idle.port);
    await node?.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    for (let i = 0; i < 3; i++) expect(await renew()).toBe(true);
    await idle.restart();
    await eventually(async () => expect(await gateway.lease.renew()).toBe(false), 15_000);
    await eventually(() => gateway.lease.reincarnate([]), 15_000);
    expect(await renew()).toBe(true);
  } finally {
    await gateway.close();
    await connection.close();
  }
});
