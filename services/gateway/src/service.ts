import { randomBytes } from 'node:crypto';
import { createLogger, createTokenVerifier, type Environment } from '@confab/service-kit';
import { createRedisGatewayBus } from '@confab/streams';
import { loadGatewayConfig } from './config.ts';
import { createGateway } from './gateway.ts';

/**
 * Starts the gateway as a process of its own: configuration, Redis, sockets.
 * @throws ConfigError, or what kept Redis or the port from being reached
 */
export async function startGatewayService(env: Environment) {
  const config = loadGatewayConfig(env);
  const logger = createLogger({ name: 'gateway', level: config.LOG_LEVEL });
  const verifier = createTokenVerifier(config);
  const bus = await createRedisGatewayBus({
    url: config.REDIS_URL,
    cluster: config.REDIS_CLUSTER,
    keyPrefix: config.KEY_PREFIX,
    gatewayId: config.GATEWAY_ID ?? `g${randomBytes(6).toString('hex')}`,
    log: logger,
  });
  const gateway = createGateway({ config, bus, verifier, logger, apiUrl: config.API_URL });
  try {
    await gateway.start();
  } catch (error) {
    await bus.close();
    throw error;
  }
  return {
    close: async () => {
      const { failed } = await gateway.close();
      await bus.close();
      for (const { step, reason } of failed) logger.warn({ step, reason }, 'a step of the shutdown failed');
    },
  };
}
