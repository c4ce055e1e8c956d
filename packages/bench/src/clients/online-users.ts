import { createRedisGatewayBus } from '@confab/streams';
import { silent } from '../run/silent-log.ts';

/** Milliseconds between two renewals of the lease. Source: as gateways do it. */
const RENEW_MS = 4_000;

/** Makes users count as online, at a gateway that is only a name: what is published for them is appended to its inbox. */
export async function holdOnline(redisUrl: string, keyPrefix: string, users: readonly string[]) {
  const bus = await createRedisGatewayBus({ url: redisUrl, keyPrefix, gatewayId: 'holder', log: silent });
  for (const user of users) await bus.lease.register(user);
  const timer = setInterval(() => {
    bus.lease.renew().catch((error: unknown) => silent.warn({ error: String(error) }, 'the lease was not renewed'));
  }, RENEW_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await bus.lease.release();
      await bus.close();
    },
  };
}
