import { eventually, freePort, startRedis, startRedisCluster, type TestRedisCluster } from '@confab/testkit';
import { keptLog, uniqueUser } from '@confab/testkit/contracts';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createRedisGatewayBus } from './redis-bus.ts';

/** A replica of a cluster's only primary, in step with it. */
async function addReplica(cluster: TestRedisCluster) {
  const busPort = await freePort();
  const server = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-announce-ip', '127.0.0.1'],
  });
  const [primary, replica] = [new Redis(cluster.url), new Redis(server.url)];
  const stop = async () => {
    primary.disconnect();
    replica.disconnect();
    await server.stop();
  };
  try {
    await primary.cluster('MEET', '127.0.0.1', server.port, busPort);
    const id = (await primary.cluster('MYID')) as string;
    await eventually(() => replica.cluster('REPLICATE', id), 15_000);
    await eventually(async () => expect(await replica.info('replication')).toContain('link_status:up'), 15_000);
    return { replica, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

test('Redis Cluster: after a replica took over everybody is registered anew, though no connection was lost', async () => {
  await using cluster = await startRedisCluster(1);
  const { replica, stop } = await addReplica(cluster);
  const gateway = await createRedisGatewayBus({
    ...{ url: cluster.url, cluster: true, log: keptLog().log, gatewayId: uniqueUser('g') },
  });
  try {
    expect(await gateway.lease.renew()).toBe(true);
    await replica.cluster('FAILOVER', 'TAKEOVER');
    await eventually(async () => expect(await gateway.lease.renew()).toBe(false), 15_000);
    await eventually(() => gateway.lease.reincarnate([]), 15_000);
    expect(await gateway.lease.renew()).toBe(true);
  } finally {
    await gateway.close();
    await stop();
  }
});
