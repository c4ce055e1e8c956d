import { findOnPath, spawnTestProcess, stopTestProcess } from './child-process.ts';
import { dockerAvailable } from './docker.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { REDIS_INSTALL_HINT, startRedis } from './start-redis.ts';
import { tempDir } from './temp-dir.ts';

/** A store that a run uses, and how it was found. */
export interface FoundStore {
  url: string;
  /** In words, for the one line that a run prints. */
  source: string;
  stop(): Promise<void>;
}

const MONGO_IMAGE = 'mongo:8.0';
const REDIS_IMAGE = 'redis:7.4-alpine';
const nothingToStop = async () => {};

/**
 * The order in which a run finds MongoDB: `MONGODB_URL`; Docker; `mongod` on PATH; the embedded server. The only place that
 * decides it.
 */
export async function findMongo(): Promise<FoundStore> {
  const url = process.env.MONGODB_URL;
  if (url) return { url: withoutRetryableWrites(url), source: 'MONGODB_URL', stop: nothingToStop };
  if (await dockerAvailable()) return startMongoContainer();
  const binary = findOnPath('mongod');
  return binary ? startMongod(binary) : startEmbedded();
}

/** The same for Redis: `REDIS_URL`; Docker; `redis-server` on PATH; else a message that names the install command. */
export async function findRedis(): Promise<FoundStore> {
  const url = process.env.REDIS_URL;
  if (url) return { url, source: 'REDIS_URL', stop: nothingToStop };
  if (await dockerAvailable()) return startRedisContainer();
  if (!findOnPath('redis-server'))
    throw new Error(`No Redis: REDIS_URL is not set, Docker does not run, and ${REDIS_INSTALL_HINT}`);
  const server = await startRedis();
  return { url: server.url, source: 'redis-server on PATH', stop: server.stop };
}

async function startMongoContainer(): Promise<FoundStore> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(MONGO_IMAGE)
    .withExposedPorts(27017)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const url = withoutRetryableWrites(`mongodb://${container.getHost()}:${container.getMappedPort(27017)}`);
  return { url, source: `Docker (${MONGO_IMAGE})`, stop: async () => void (await container.stop()) };
}

async function startRedisContainer(): Promise<FoundStore> {
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer(REDIS_IMAGE).withExposedPorts(6379).start();
  const url = `redis://${container.getHost()}:${container.getMappedPort(6379)}`;
  return { url, source: `Docker (${REDIS_IMAGE})`, stop: async () => void (await container.stop()) };
}

async function startMongod(binary: string): Promise<FoundStore> {
  const directory = await tempDir('mongod');
  const port = await freePort();
  const server = spawnTestProcess(binary, [
    '--port',
    String(port),
    '--bind_ip',
    '127.0.0.1',
    '--dbpath',
    directory.path,
  ]);
  const url = withoutRetryableWrites(`mongodb://127.0.0.1:${port}`);
  await eventually(() => pingMongo(url), 30_000, 200);
  const stop = async () => {
    await stopTestProcess(server);
    await directory.remove();
  };
  return { url, source: 'mongod on PATH', stop };
}

async function pingMongo(url: string): Promise<void> {
  const { MongoClient } = await import('mongodb');
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
  try {
    await client.db('admin').command({ ping: 1 });
  } finally {
    await client.close();
  }
}

async function startEmbedded(): Promise<FoundStore> {
  const { startEmbeddedMongo } = await import('@confab/embedded-mongo');
  const directory = await tempDir('embedded-mongo');
  const server = await startEmbeddedMongo({ dataDir: directory.path, port: 0 });
  const stop = async () => {
    await server.close();
    await directory.remove();
  };
  return { url: withoutRetryableWrites(server.url), source: 'the embedded server', stop };
}

/** Retryable writes need a replica set; the servers that tests run on are single nodes. */
function withoutRetryableWrites(url: string): string {
  if (/[?&]retryWrites=/.test(url)) return url;
  const separator = url.includes('?') ? '&' : /^mongodb(\+srv)?:\/\/[^/]+$/.test(url) ? '/?' : '?';
  return `${url}${separator}retryWrites=false`;
}
