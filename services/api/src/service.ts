import type { AddressInfo } from 'node:net';
import { createMedia } from '@confab/media';
import { connectMongo } from '@confab/mongo';
import { connectCommands, RedisUseCounters } from '@confab/redis';
import {
  createHealth,
  createLogger,
  createMetrics,
  createShutdown,
  createTracer,
  type Environment,
  measureMedia,
  measureStorePool,
  tracePublisher,
  traceReceiptLog,
} from '@confab/service-kit';
import { createRedisApiBus } from '@confab/streams';
import { createApi } from './api.ts';
import { type ApiConfig, loadApiConfig } from './config.ts';
import { failpointOf } from './failpoints.ts';

/**
 * Starts the api as a process of its own: configuration, stores, server.
 * @throws ConfigError, or what kept a store or the port from being reached
 */
export async function startApiService(env: Environment) {
  const config = loadApiConfig(env);
  const logger = createLogger({ name: 'api', level: config.LOG_LEVEL });
  const shutdown = createShutdown();
  const health = createHealth();
  const redis = { url: config.REDIS_URL, cluster: config.REDIS_CLUSTER, keyPrefix: config.KEY_PREFIX, log: logger };

  const metrics = createMetrics({ service: 'api' });
  const tracer = createTracer('api', config);
  if (tracer) shutdown.add({ name: 'traces', phase: 'close', deadlineMs: 6_000, run: () => tracer.close() });

  const store = await connectMongo(mongoOptions(config));
  measureStorePool(metrics, store.db.client, config.MONGODB_POOL_SIZE);
  shutdown.add({ name: 'mongodb', phase: 'close', deadlineMs: 3_000, run: () => store.close() });
  const bus = await createRedisApiBus({
    ...redis,
    inboxLength: config.INBOX_LENGTH,
    receiptsLength: config.RECEIPTS_LENGTH,
    feedLength: config.FEED_LENGTH,
  });
  shutdown.add({ name: 'redis', phase: 'close', deadlineMs: 3_000, run: () => bus.close() });
  const addresses = connectCommands(redis);
  shutdown.add({ name: 'address counter', phase: 'close', deadlineMs: 1_000, run: () => addresses.close() });
  // Sends are taken while Redis is away (the relay delivers later); without MongoDB there is nothing to serve.
  health.add({ name: 'mongodb', check: () => store.ping().then(() => ({ ok: true })) });

  const api = await createApi({
    config,
    store,
    media: measureMedia(createMedia(config), metrics),
    bus: { ...bus, publisher: tracePublisher(bus.publisher, tracer), receipts: traceReceiptLog(bus.receipts, tracer) },
    logger,
    health,
    addressCounts: new RedisUseCounters(addresses),
    metrics,
    tracer,
    atStep: failpointOf(config.FAILPOINT),
  });
  shutdown.add({ name: 'requests', phase: 'drain', deadlineMs: 15_000, run: () => api.close() });
  await api.app.listen({ host: config.HOST, port: config.PORT });
  logger.info({ port: (api.app.server.address() as AddressInfo).port }, 'listening');
  return { close: () => shutdown.run() };
}

const mongoOptions = (config: ApiConfig) => ({
  url: config.MONGODB_URL,
  database: config.MONGODB_DATABASE,
  poolSize: config.MONGODB_POOL_SIZE,
});
