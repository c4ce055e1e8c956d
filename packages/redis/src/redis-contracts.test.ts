import { testRedis } from '@confab/testkit';
import {
  keptLog,
  presenceContract,
  rateLimiterContract,
  revocationsContract,
  userQuotaContract,
} from '@confab/testkit/contracts';
import { connectCommands, connectSubscriber, type RedisSettings } from './connection.ts';
import { RedisGatewayLease } from './gateway-lease.ts';
import { RedisPresenceDirectory } from './presence-directory.ts';
import { RedisPresenceRegistry } from './presence-registry.ts';
import { RedisRateLimiter } from './rate-limiter.ts';
import { RedisRevocationList } from './revocation-list.ts';
import { Subscriptions } from './subscriptions.ts';
import { RedisUserQuota } from './user-quota.ts';

async function connect() {
  const server = await testRedis();
  const settings: RedisSettings = { url: server.url, keyPrefix: server.keyPrefix(), log: keptLog().log };
  const connection = connectCommands(settings);
  await connection.ready(5_000);
  const close = async () => {
    await connection.close();
    await server.stop();
  };
  return { connection, settings, close };
}

presenceContract('Redis', async () => {
  const { connection, close } = await connect();
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
    close,
  };
});

rateLimiterContract('Redis', async () => {
  const { connection, close } = await connect();
  return { limiter: new RedisRateLimiter(connection), close };
});

userQuotaContract('Redis', async () => {
  const { connection, close } = await connect();
  return {
    openGateway: async (gatewayId) => {
      const lease = new RedisGatewayLease(connection, { gatewayId });
      await lease.reincarnate([]);
      const quota = new RedisUserQuota(connection, new RedisPresenceDirectory(connection), () => lease.instance);
      return { lease, quota };
    },
    expire: async (lease) => {
      await connection.run((client) => client.zadd(connection.keys.leases, 'XX', Date.now() - 1, lease.instance));
    },
    close,
  };
});

revocationsContract('Redis', async () => {
  const { connection, settings, close } = await connect();
  const subscriptions = [0, 1].map(() => new Subscriptions(connectSubscriber(settings)));
  const [here, elsewhere] = subscriptions.map((each) => new RedisRevocationList(connection, each));
  if (!here || !elsewhere) throw new Error('two lists were made');
  await here.start();
  await elsewhere.start();
  return {
    here,
    elsewhere,
    close: async () => {
      for (const list of [here, elsewhere]) await list.close();
      for (const each of subscriptions) await each.close();
      await close();
    },
  };
});
