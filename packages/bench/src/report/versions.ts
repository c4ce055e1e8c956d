import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Redis } from 'ioredis';
import type { Environment } from '../row.ts';

const require = createRequire(import.meta.url);
const LIBRARIES = ['socket.io', 'ws', 'ioredis', 'mongodb', 'fastify', '@socket.io/redis-adapter'] as const;

/** What was measured on what. */
export async function versions({
  redis,
  mongo,
}: Pick<Environment, 'redis' | 'mongo'>): Promise<Record<string, string>> {
  const processors = cpus();
  return {
    node: process.version,
    redis: await redisVersion(redis.url),
    store: mongo.source,
    processors: `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}`,
    ...Object.fromEntries(LIBRARIES.map((name) => [name, libraryVersion(name)])),
  };
}

async function redisVersion(url: string): Promise<string> {
  const client = new Redis(url);
  try {
    return /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
  } finally {
    client.disconnect();
  }
}

/** Not every package exports its package.json: then it is looked for beside the entry. */
function libraryVersion(name: string): string {
  const entry = require.resolve(name);
  const folder = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length);
  return (require(`${folder}package.json`) as { version: string }).version;
}
