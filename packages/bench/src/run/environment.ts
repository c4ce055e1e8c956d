import { fileURLToPath } from 'node:url';
import {
  eventually,
  type FoundStore,
  findMongo,
  findOnPath,
  findRedis,
  spawnTestProcess,
  startRedis,
  stopTestProcess,
  tempDir,
} from '@confab/testkit';
import type { Environment } from '../row.ts';
import { starting } from './cleanup.ts';

/** Stores for the whole run. Redis is started for it where that can be done, so that its CPU can be read. */
export function openEnvironment(
  options: Pick<Environment, 'quick' | 'log'>,
): Promise<Environment & { close(): Promise<void> }> {
  return starting(async (cleanup) => {
    const { url, source } = cleanup.own(await openMongo(), (store) => store.stop());
    if (!process.env.REDIS_URL && findOnPath('redis-server')) {
      const redis = cleanup.own(await startRedis(), (server) => server.stop());
      return { ...options, mongo: { url, source }, redis: { url: redis.url, pid: redis.pid } };
    }
    const found = cleanup.own(await findRedis(), (store) => store.stop());
    return { ...options, mongo: { url, source }, redis: { url: found.url, pid: undefined } };
  });
}

/** As everywhere, but the embedded server as a process of its own: in ours it would take the generator's processor. */
async function openMongo(): Promise<FoundStore> {
  if (process.env.MONGODB_URL) return { ...(await findMongo()), source: describe(process.env.MONGODB_URL) };
  const folder = await tempDir('bench-store');
  const entry = fileURLToPath(new URL('../../../embedded-mongo/src/main.ts', import.meta.url));
  const server = spawnTestProcess(process.execPath, [
    ...['--conditions=confab-source', '--disable-warning=ExperimentalWarning'],
    ...[entry, '--data', folder.path, '--port', '0'],
  ]);
  const url = await eventually(() => {
    const found = /MONGODB_URL=(\S+)/.exec(server.output())?.[1];
    if (found === undefined) throw new Error(`the embedded store is not ready: ${server.output()}`);
    return found;
  }, 20_000);
  const stop = async () => {
    await stopTestProcess(server);
    await folder.remove();
  };
  return { url: withoutRetryableWrites(url), source: 'embedded', stop };
}

const withoutRetryableWrites = (url: string) => `${url.replace(/\/$/, '')}/?retryWrites=false`;

/** Without who logs in: results are published. */
const describe = (url: string) => `MONGODB_URL, port ${new URL(url).port || '27017'}`;
