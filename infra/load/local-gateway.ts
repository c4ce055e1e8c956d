import { startRedis, startService } from '@confab/testkit';

/** A Redis and a gateway of this machine, open to a load from one address. */
export async function startLocalGateway(sockets: number, ramp: number, secret: string) {
  const redis = await startRedis();
  const gateway = await startService({
    name: 'gateway',
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      REDIS_URL: redis.url,
      JWT_SECRET: secret,
      MAX_SOCKETS_PER_ADDRESS: String(sockets + 100),
      HANDSHAKES_PER_SECOND: String(ramp * 2),
      DRAIN_MS: '0',
    },
  });
  return {
    url: gateway.url,
    redis: redis.url,
    async stop() {
      await gateway.stop();
      await redis.stop();
    },
  };
}
