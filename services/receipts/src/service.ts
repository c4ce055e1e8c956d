import { hostname } from 'node:os';
import { createMedia } from '@confab/media';
import { connectMongo } from '@confab/mongo';
import {
  createHealth,
  createLagProbe,
  createLogger,
  createMetrics,
  createOperations,
  createOperationsServer,
  createShutdown,
  createTracer,
  type Environment,
  measureMedia,
  measureStorePool,
  tracePublisher,
} from '@confab/service-kit';
import { createRedisWorkerBus } from '@confab/streams';
import { loadReceiptsConfig } from './config.ts';
import { startReceiptsWorker } from './worker.ts';
import { createWorkerMetrics } from './worker-metrics.ts';

/** Connections to MongoDB. Source: five tasks and the batches of four partitions, doubled. */
const POOL_SIZE = 20;

/** An error that nobody catches ends the process with exit 1, and what restarts it starts a new one: it takes the batch up again. */
const endProcess = (stuckMs: number) => {
  throw new Error(`a batch of receipts has made no step for ${Math.round(stuckMs / 1_000)} s`);
};

/**
 * Starts the worker as a process of its own.
 * @throws ConfigError, or what kept a store or the port from being reached
 */
export async function startReceiptsService(env: Environment) {
  const config = loadReceiptsConfig(env);
  const logger = createLogger({ name: 'receipts', level: config.LOG_LEVEL });
  const shutdown = createShutdown();
  const health = createHealth();

  const metrics = createMetrics({ service: 'receipts' });
  const tracer = createTracer('receipts', config);
  if (tracer) shutdown.add({ name: 'traces', phase: 'close', deadlineMs: 6_000, run: () => tracer.close() });
  const lag = createLagProbe();
  shutdown.add({ name: 'lag probe', phase: 'close', deadlineMs: 100, run: () => lag.close() });

  const store = await connectMongo({ url: config.MONGODB_URL, database: config.MONGODB_DATABASE, poolSize: POOL_SIZE });
  shutdown.add({ name: 'mongodb', phase: 'close', deadlineMs: 3_000, run: () => store.close() });
  measureStorePool(metrics, store.db.client, POOL_SIZE);
  const bus = await createRedisWorkerBus({
    url: config.REDIS_URL,
    cluster: config.REDIS_CLUSTER,
    keyPrefix: config.KEY_PREFIX,
    inboxLength: config.INBOX_LENGTH,
    receiptsLength: config.RECEIPTS_LENGTH,
    feedLength: config.FEED_LENGTH,
    log: logger,
    consumerName: config.WORKER_NAME ?? hostname(),
  });
  shutdown.add({ name: 'redis', phase: 'close', deadlineMs: 3_000, run: () => bus.close() });

  const counters = createWorkerMetrics(metrics, {
    lag,
    backlog: () => bus.consumer.backlog(),
    deadLetters: () => bus.deadLetters.count(),
  });
  const worker = startReceiptsWorker({
    store,
    media: measureMedia(createMedia(config), metrics),
    bus: { ...bus, registry: bus.presence, publisher: tracePublisher(bus.publisher, tracer) },
    logger,
    health,
    counters,
    tracer,
    onStuck: endProcess,
  });
  shutdown.add({ name: 'worker', phase: 'drain', deadlineMs: 15_000, run: () => worker.close() });
  const operations = createOperations({ health, metrics });
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
