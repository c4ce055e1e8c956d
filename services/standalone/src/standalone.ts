import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createApi } from '@confab/api';
import { createGateway } from '@confab/gateway';
import { createMedia } from '@confab/media';
import { createMemoryBus } from '@confab/memory';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { startReceiptsWorker } from '@confab/receipts';
import {
  createHealth,
  createMetrics,
  createShutdown,
  createTokenVerifier,
  type Environment,
  type Logger,
  measureMedia,
  type Shutdown,
} from '@confab/service-kit';
import { loadStandaloneConfig, type StandaloneConfig } from './config.ts';
import { keptSecret, openDataFolder } from './data-folder.ts';
import { type Demo, prepareDemo } from './demo.ts';
import { servePage } from './page.ts';

export interface Standalone {
  url: string;
  port: number;
  demo: Demo | undefined;
  close(): Promise<unknown>;
}

/**
 * Starts api, gateway and worker in this process, on one port, over an in-memory bus and the embedded store.
 * @throws ConfigError; Error in one line for a folder, a store or a port that cannot be had
 */
export async function startStandalone(env: Environment, logger: Logger): Promise<Standalone> {
  const folder = openDataFolder(env.DATA_DIR || '.data');
  const config = loadStandaloneConfig(env, {
    secret: () => keptSecret(folder, 'jwt-secret'),
    mediaSecret: () => keptSecret(folder, 'media-secret'),
    mediaDir: path.join(folder, 'media'),
    url: OWN_URL,
  });
  const shutdown = createShutdown();
  try {
    return await startParts(config, folder, logger, shutdown);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function startParts(
  config: StandaloneConfig,
  folder: string,
  logger: Logger,
  shutdown: Shutdown,
): Promise<Standalone> {
  const health = createHealth();
  const store = await openStore(config, folder, shutdown);
  const demo =
    config.DEMO && config.JWT_SECRET ? await prepareDemo(store, config.JWT_SECRET, config.JWT_USER_CLAIM) : undefined;
  const bus = createMemoryBus();

  const served = { url: '' };
  const metrics = createMetrics({ service: 'standalone' });
  const publicUrl = () => (config.MEDIA_PUBLIC_URL === OWN_URL ? served.url : config.MEDIA_PUBLIC_URL) ?? '';
  const media = measureMedia(createMedia(config, publicUrl), metrics);
  const extend = (app: Parameters<typeof servePage>[0]) => servePage(app, demo);
  const api = await createApi({ config, store, media, bus: bus.api, logger, health, metrics, extend });
  shutdown.add({ name: 'requests', phase: 'drain', deadlineMs: 10_000, run: () => api.close() });
  await api.app.listen({ host: config.HOST, port: config.PORT });
  const { port } = api.app.server.address() as AddressInfo;
  served.url = ownUrl(config.HOST, port);

  const workerBus = bus.worker();
  const worker = startReceiptsWorker({
    store,
    media,
    bus: { ...workerBus, registry: workerBus.presence },
    logger,
    health,
  });
  shutdown.add({ name: 'worker', phase: 'drain', deadlineMs: 5_000, run: () => worker.close() });

  const gateway = createGateway({
    config: { ...config, CLIENT_URL: [...config.CLIENT_URL, ...ownOrigins(config.HOST, port)] },
    bus: bus.gateway({ gatewayId: 'standalone' }),
    verifier: createTokenVerifier(config),
    apiUrl: `http://${reachable(config.HOST)}:${port}`,
    logger,
    httpServer: api.app.server,
    health,
    metrics,
  });
  await gateway.start();
  shutdown.add({
    name: 'sockets',
    phase: 'stop-intake',
    deadlineMs: 28_000,
    run: () => gateway.close().then(() => undefined),
  });
  return { url: served.url, port, demo, close: () => shutdown.run() };
}

async function openStore(config: StandaloneConfig, folder: string, shutdown: Shutdown): Promise<MongoStore> {
  const url = config.MONGODB_URL ?? (await startEmbedded(folder, shutdown));
  const store = await connectMongo({ url, database: config.MONGODB_DATABASE });
  shutdown.add({ name: 'store', phase: 'close', deadlineMs: 3_000, run: () => store.close() });
  return store;
}

async function startEmbedded(folder: string, shutdown: Shutdown): Promise<string> {
  // loaded only where it is used: it brings a native library
  const { startEmbeddedMongo } = await import('@confab/embedded-mongo');
  const server = await startEmbeddedMongo({ dataDir: path.join(folder, 'mongo'), port: 0 });
  shutdown.add({ name: 'embedded store', phase: 'close', deadlineMs: 5_000, run: () => server.close() });
  return server.url;
}

/** Stands for the URL of this process until its port is known. */
const OWN_URL = 'http://own';

const ownUrl = (host: string, port: number): string =>
  `http://${host === '0.0.0.0' || host === '127.0.0.1' ? 'localhost' : host}:${port}`;

/** An address of this machine under which the process reaches itself. */
const reachable = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host);

/** The page that we serve ourselves has these origins. */
function ownOrigins(host: string, port: number): string[] {
  const hosts = new Set(['localhost', '127.0.0.1', reachable(host)]);
  return [...hosts].map((name) => `http://${name}:${port}`);
}
