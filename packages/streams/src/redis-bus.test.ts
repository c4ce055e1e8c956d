import { connectCommands } from '@confab/redis';
import { testRedis } from '@confab/testkit';
import { busContract, keptLog } from '@confab/testkit/contracts';
import { createRedisApiBus, createRedisGatewayBus, createRedisWorkerBus } from './redis-bus.ts';

busContract('Redis', async () => {
  const server = await testRedis();
  const settings = { url: server.url, keyPrefix: server.keyPrefix(), log: keptLog().log };
  const connection = connectCommands(settings);
  await connection.ready(5_000);
  const api = await createRedisApiBus(settings);
  return {
    api,
    openGateway: (gatewayId) => createRedisGatewayBus({ ...settings, gatewayId }),
    openWorker: (worker) => createRedisWorkerBus({ ...settings, ...worker, keyPrefix: server.keyPrefix() }),
    trimInbox: async (gateway, keep) => {
      await connection.run((client) => client.xtrim(connection.keys.inbox(gateway.lease.instance), 'MAXLEN', keep));
    },
    close: async () => {
      await api.close();
      await connection.close();
      await server.stop();
    },
  };
});
