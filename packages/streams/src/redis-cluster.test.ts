import { connectCommands, RedisGatewayLease, RedisPresenceRegistry, RedisRateLimiter } from '@confab/redis';
import { startRedisCluster, type TestRedisCluster } from '@confab/testkit';
import { busContract, keptLog, presenceContract, rateLimiterContract } from '@confab/testkit/contracts';
import { afterAll, beforeAll } from 'vitest';
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
