import { randomBytes } from 'node:crypto';
import type { GatewayBus } from '@confab/chat';
import {
  createLogger,
  createTokenVerifier,
  createTracer,
  type Environment,
  type Tracer,
  traceReceiptLog,
} from '@confab/service-kit';
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
    inboxLength: config.INBOX_LENGTH,
    receiptsLength: config.RECEIPTS_LENGTH,
    feedLength: config.FEED_LENGTH,
    gatewayId: config.GATEWAY_ID ?? `g${randomBytes(6).toString('hex')}`,
    log: logger,
  });
  const tracer = createTracer('gateway', config);
  const gateway = createGateway({
    config,
    bus: tracer ? tracedBus(bus, tracer) : bus,
    verifier,
    logger,
    apiUrl: config.API_URL,
    tracer,
  });
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
      await tracer?.close();
      for (const { step, reason } of failed) logger.warn({ step, reason }, 'a step of the shutdown failed');
    },
  };
}

/** The bus with spans around the receipts that go out. */
const tracedBus = (bus: GatewayBus, tracer: Tracer): GatewayBus => ({
  lease: bus.lease,
  quota: bus.quota,
  receipts: traceReceiptLog(bus.receipts, tracer),
  signals: bus.signals,
  revocations: bus.revocations,
  get isReady() {
    return bus.isReady;
  },
  openInbox: () => bus.openInbox(),
  inboxDepth: async () => (await bus.inboxDepth?.()) ?? 0,
  onSignal: (handler) => bus.onSignal(handler),
  onRevocation: (handler) => bus.onRevocation(handler),
  close: () => bus.close(),
});
