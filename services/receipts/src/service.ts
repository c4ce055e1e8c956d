import { hostname } from 'node:os';
import { connectMongo } from '@confab/mongo';
import {
  createHealth,
  createLogger,
  createMetrics,
  createOperations,
  createOperationsServer,
  createShutdown,
  type Environment,
} from '@confab/service-kit';
import { createRedisWorkerBus } from '@confab/streams';
import { loadReceiptsConfig } from './config.ts';
import { startReceiptsWorker } from './worker.ts';

/**
 * Starts the worker as a process of its own.
 * @throws ConfigError, or what kept a store or the port from being reached
 */
export async function startReceiptsService(env: Environment) {
  const config = loadReceiptsConfig(env);
  const logger = createLogger({ name: 'receipts', level: config.LOG_LEVEL });
  const shutdown = createShutdown();
  const health = createHealth();

  const store = await connectMongo({ url: config.MONGODB_URL, database: config.MONGODB_DATABASE, poolSize: 20 });
  shutdown.add({ name: 'mongodb', phase: 'close', deadlineMs: 3_000, run: () => store.close() });
  const bus = await createRedisWorkerBus({
    url: config.REDIS_URL,
    cluster: config.REDIS_CLUSTER,
    keyPrefix: config.KEY_PREFIX,
    log: logger,
    consumerName: config.WORKER_NAME ?? hostname(),
  });
  shutdown.add({ name: 'redis', phase: 'close', deadlineMs: 3_000, run: () => bus.close() });

  const worker = startReceiptsWorker({ store, bus: { ...bus, registry: bus.presence }, logger, health });
  shutdown.add({ name: 'worker', phase: 'drain', deadlineMs: 15_000, run: () => worker.close() });
  const operations = createOperations({ health, metrics: createMetrics({ service: 'receipts' }) });
  const server = createOperationsServer(operations, { host: config.HOST, port: config.PORT });
  const port = await server.start();
  shutdown.add({ name: 'operations', phase: 'close', deadlineMs: 1_000, run: () => server.close() });
  logger.info({ port }, 'listening');
  return {
    close: () => {
      health.drain();
      return shutdown.run();
    },
  };
}
