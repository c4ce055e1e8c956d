import { randomBytes } from 'node:crypto';
import type {} from './global-setup.ts';
import { type FoundStore, findMongo, findRedis } from './stores.ts';

export interface TestMongo {
  url: string;
  /** A database name that nobody else has: one per test, or per file. */
  dbName(): string;
}

export interface TestRedis extends AsyncDisposable {
  url: string;
  /** A key prefix that nobody else has, for tests that share the server. */
  keyPrefix(): string;
  stop(): Promise<void>;
}

const unique = () => `t${Date.now().toString(36)}${randomBytes(5).toString('hex')}`;

let started: Promise<FoundStore> | undefined;

/**
 * The MongoDB of this run: under vitest the one that the global setup found, elsewhere found now and kept until the process ends.
 * @throws Error that says what was tried, if there is none
 */
export async function testMongo(): Promise<TestMongo> {
  const url = (await providedMongoUrl()) ?? (await startOnce()).url;
  return { url, dbName: () => `confab_${unique()}` };
}

/** A Redis that tests may share: never FLUSHALL it; use `startRedis` for faults. */
export async function testRedis(): Promise<TestRedis> {
  const redis = await findRedis();
  return { url: redis.url, keyPrefix: unique, stop: redis.stop, [Symbol.asyncDispose]: redis.stop };
}

async function providedMongoUrl(): Promise<string | undefined> {
  if (process.env.VITEST !== 'true') return undefined;
  const { inject } = await import('vitest');
  const provided = inject('confabMongo');
  if (!provided) return undefined;
  if ('problem' in provided) throw new Error(`No MongoDB for the tests: ${provided.problem}`);
  return provided.url;
}

function startOnce(): Promise<FoundStore> {
  started ??= findMongo();
  return started;
}
