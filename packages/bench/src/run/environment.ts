import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  eventually,
  findMongo,
  findOnPath,
  findRedis,
  spawnTestProcess,
  startRedis,
  stopTestProcess,
  type TestProcess,
  tempDir,
} from '@confab/testkit';
import { MongoClient } from 'mongodb';
import type { Environment } from '../row.ts';
import { type Cleanup, starting } from './cleanup.ts';

/** Milliseconds until the embedded store must be ready. */
const START_MS = 20_000;

/**
 * Stores for rows. Redis is started for them where that can be done, so that its CPU can be read.
 * @returns what every row gets; `close` ends what was started
 * @throws Error if a store does not start, or there is no Redis; what was started has ended by then
 */
export function openEnvironment(
  options: Pick<Environment, 'quick' | 'log'>,
): Promise<Environment & { close(): Promise<void> }> {
  return starting(async (cleanup) => {
    const mongo = await openMongo(cleanup);
    if (!process.env.REDIS_URL && findOnPath('redis-server')) {
      const redis = cleanup.own(await startRedis(), (server) => server.stop());
      return { ...options, mongo, redis: { url: redis.url, pid: redis.pid } };
    }
    const found = cleanup.own(await findRedis(), (store) => store.stop());
    return { ...options, mongo, redis: { url: found.url, pid: undefined } };
  });
}

/** As everywhere, but the embedded server as a process of its own: in ours it would take the generator's processor. */
async function openMongo(cleanup: Cleanup): Promise<Environment['mongo']> {
  const databases = `bench_${randomBytes(4).toString('hex')}_`;
  if (process.env.MONGODB_URL) {
    const { url } = cleanup.own(await findMongo(), (store) => store.stop());
    cleanup.own(databases, () => dropDatabases(url, databases));
    return { url, source: describe(process.env.MONGODB_URL), databases };
  }
  const folder = cleanup.own(await tempDir('bench-store'), (dir) => dir.remove());
  const entry = fileURLToPath(new URL('../../../embedded-mongo/src/main.ts', import.meta.url));
  const args = ['--conditions=confab-source', '--disable-warning=ExperimentalWarning', entry];
  const started = spawnTestProcess(process.execPath, [...args, '--data', folder.path, '--port', '0']);
  const server = cleanup.own(started, (target) => stopTestProcess(target));
  return { url: withoutRetryableWrites(await urlOf(server)), source: 'embedded', databases };
}

/** What the embedded server prints once it is ready. @throws Error with what it wrote, if it ends or takes too long */
async function urlOf({ child, output }: TestProcess): Promise<string> {
  const url = await eventually(() => {
    const found = /MONGODB_URL=(\S+)/.exec(output())?.[1];
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (found === undefined && !ended) throw new Error(`the embedded store is not ready: ${output()}`);
    return found;
  }, START_MS);
  if (url === undefined) throw new Error(`the embedded store did not start: ${output()}`);
  return url;
}

/** A server that is not ours is left as it was: also where a row died. @throws Error of the driver if it is gone */
export async function dropDatabases(url: string, beginning: string): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: START_MS });
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.startsWith(beginning)) await client.db(name).dropDatabase();
  } finally {
    await client.close();
  }
}

const withoutRetryableWrites = (url: string) => `${url.replace(/\/$/, '')}/?retryWrites=false`;

/** Without who logs in: results are published. */
const describe = (url: string) => `MONGODB_URL, port ${new URL(url).port || '27017'}`;
