import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken, type ServiceProcess, type SplitSystem, startRedis, startSplitSystem } from '@confab/testkit';
import { MongoClient } from 'mongodb';
import { Person } from '../e2e/person.ts';
import type { System } from '../e2e/system.ts';

export const JWT_SECRET = 'the-secret-of-the-abuse-suite-0123456789abcdef';
export const CLIENT_ORIGIN = 'http://localhost:3000';

/** The system under attack, with the product's own limits unless a run says otherwise. */
export interface AbuseRig {
  split: SplitSystem;
  system: System;
  redisUrl: string;
  mongodbUrl: string;
  database: string;
  services: { name: string; process: ServiceProcess }[];
  /** Somebody whom no other row knows. */
  person(name: string, claims?: Record<string, unknown>): Person;
  token(userId: string, claims?: Record<string, unknown>): string;
  /** Everything that the services wrote, with the name of the service before each line. */
  logLines(): { service: string; line: string }[];
  /** Names of services that are not running any more. */
  fallen(): string[];
  close(): Promise<void>;
}

export interface RigOptions {
  mongodbUrl: string;
  /** Where logs go. */
  folder: string;
  env?: Record<string, string>;
}

export async function startAbuseRig({ mongodbUrl, folder, env = {} }: RigOptions): Promise<AbuseRig> {
  const redis = await startRedis();
  const database = `confab_abuse_${process.pid}_${randomBytes(3).toString('hex')}`;
  const split = await startSplitSystem({
    ...{ api: 2, gateway: 2, receipts: 1, jwtSecret: JWT_SECRET, redisUrl: redis.url, mongodbUrl, database },
    // Only the edge and the gateways come from here; attackers come from 127.0.0.2 where it matters.
    env: {
      ...{ TRUST_PROXY: '127.0.0.1', CLIENT_URL: CLIENT_ORIGIN, LOG_LEVEL: 'debug' },
      ...{
        MEDIA_PROVIDER: 'local',
        MEDIA_DIR: join(folder, 'media'),
        MEDIA_SECRET: JWT_SECRET,
        MEDIA_PUBLIC_URL: 'http://127.0.0.1:1',
      },
      ...env,
    },
    logs: folder,
  }).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const services = (['api', 'gateway', 'receipts'] as const).flatMap((kind) =>
    split[kind].map((process, index) => ({ name: `${kind}-${index}`, process })),
  );
  const token = (userId: string, claims: Record<string, unknown> = {}) =>
    mintToken(JWT_SECRET, { sub: userId, ...claims });
  const system: System = {
    name: 'abuse',
    url: split.edge.url,
    gateways: [split.gateway[0]?.url ?? '', split.gateway[1]?.url ?? ''],
    apis: [split.api[0]?.url ?? '', split.api[1]?.url ?? ''],
    token,
    stop: () => split.stop(),
  };
  return {
    ...{ split, system, redisUrl: redis.url, mongodbUrl, database, services, token },
    person: (name, claims) => new Person(system, `${name}-${randomBytes(4).toString('hex')}`, claims),
    logLines: () =>
      services.flatMap(({ name }) =>
        readFileSync(join(folder, `${name}.log`), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => ({ service: name, line })),
      ),
    fallen: () => services.filter(({ process }) => !process.running).map(({ name }) => name),
    async close() {
      await split.stop();
      await redis.stop();
      const client = new MongoClient(mongodbUrl);
      await client.db(database).dropDatabase();
      await client.close();
    },
  };
}

/** One value of a service's metrics; the sum over all labels. */
export async function metricOf(process: ServiceProcess, name: string): Promise<number> {
  const response = await fetch(`${process.url}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** The worst delay of a service's event loop since it was asked the last time, milliseconds. */
export async function worstLagMs(process: ServiceProcess): Promise<number> {
  return (await metricOf(process, 'nodejs_eventloop_lag_max_seconds')) * 1_000;
}

/** Bytes that a process holds in memory now. */
export function residentBytes({ pid }: ServiceProcess): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}
