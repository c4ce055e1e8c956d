import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  eventually,
  mintToken,
  type ServiceProcess,
  type SplitSystem,
  startRedis,
  startSplitSystem,
  startTcpProxy,
  type TcpProxy,
  type TestRedisServer,
} from '@confab/testkit';
import { Redis } from 'ioredis';
import type { Caller } from './rest.ts';

const JWT_SECRET = 'the-secret-of-the-fault-suite-0123456789abcdef';

/** The product's own limits would only slow the load down; each has tests of its own. */
const ROOMY = {
  MESSAGES_PER_MINUTE: '1000000',
  CONVERSATIONS_PER_HOUR: '1000000',
  REQUESTS_PER_MINUTE_PER_ADDRESS: '10000000',
  REQUESTS_PER_MINUTE_PER_USER: '10000000',
  LOG_LEVEL: 'info',
};
const ROOMY_GATEWAY = {
  MAX_SOCKETS_PER_ADDRESS: '20000',
  HANDSHAKES_PER_SECOND: '5000',
  EVENTS_PER_SECOND: '1000',
  // 3 s of draining is enough to see that it works; rows that measure it say their own.
  DRAIN_MS: '3000',
};

export interface RigOptions {
  api: number;
  gateway: number;
  receipts: number;
  mongodbUrl: string;
  database: string;
  /** Where logs go. */
  folder: string;
  proxyRedis?: boolean;
  proxyMongo?: boolean;
  gatewayEnv?: Record<string, string>;
}

export interface NamedService {
  name: string;
  kind: 'api' | 'gateway' | 'receipts';
  process: ServiceProcess;
}

export interface LogLine {
  /** Unix time in milliseconds. */
  time: number;
  level: string;
  msg: string;
  /** Id of the stream entry that it is about. */
  entry?: string;
  /** Of that stream: entries of two partitions may have the same id. */
  partition?: number;
}

/** The system under test with its stores, and the places where faults get in. */
export interface Rig {
  system: SplitSystem;
  redis: TestRedisServer;
  /** A connection of the suite's own, past all proxies. Commands that fail while Redis is away reject. */
  redisClient: Redis;
  redisProxy: TcpProxy | undefined;
  mongoProxy: TcpProxy | undefined;
  services: NamedService[];
  token(userId: string): string;
  caller(userId: string, base?: string): Caller;
  /** Until `release`, new connections go to this gateway only. */
  only(gateway: number): { release(): void };
  /** Until `release`, new connections find no gateway. */
  none(): { release(): void };
  logLines(service: NamedService): LogLine[];
  close(): Promise<void>;
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const cleanUp: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  };
  try {
    return { ...(await startParts(options, cleanUp)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(options: RigOptions, cleanUp: (() => Promise<unknown>)[]): Promise<Omit<Rig, 'close'>> {
  const redis = await startRedis();
  cleanUp.push(() => redis.stop());
  const proxy = async (wanted: boolean | undefined, url: string) => {
    if (!wanted) return undefined;
    const started = await startTcpProxy(url);
    cleanUp.push(() => started.close());
    return started;
  };
  const redisProxy = await proxy(options.proxyRedis, redis.url);
  const mongoProxy = await proxy(options.proxyMongo, options.mongodbUrl);
  const redisClient = inspectorOf(redis.url);
  cleanUp.push(async () => redisClient.disconnect());

  const system = await startSplitSystem({
    api: options.api,
    gateway: options.gateway,
    receipts: options.receipts,
    jwtSecret: JWT_SECRET,
    redisUrl: redisProxy?.through(redis.url) ?? redis.url,
    mongodbUrl: mongoProxy ? direct(mongoProxy.through(options.mongodbUrl)) : options.mongodbUrl,
    database: options.database,
    env: ROOMY,
    serviceEnv: { gateway: { ...ROOMY_GATEWAY, ...options.gatewayEnv } },
    logs: options.folder,
  });
  const services: NamedService[] = (['api', 'gateway', 'receipts'] as const).flatMap((kind) =>
    system[kind].map((process, index) => ({ name: `${kind}-${index}`, kind, process })),
  );
  cleanUp.push(() => system.stop());
  // The orderly end is a row of its own; here it would only cost time.
  cleanUp.push(() => Promise.all(services.map(({ process }) => killWhateverState(process))));
  const token = (userId: string) => mintToken(JWT_SECRET, { sub: userId, firstName: userId });
  return {
    system,
    redis,
    redisClient,
    redisProxy,
    mongoProxy,
    services,
    token,
    caller: (userId, base = system.edge.url) => ({ token: token(userId), base }),
    only: (gateway) => onlyGateways(system, system.gateway.slice(gateway, gateway + 1)),
    none: () => onlyGateways(system, []),
    logLines: ({ name }) => logLines(join(options.folder, `${name}.log`)),
  };
}

async function killWhateverState(process: ServiceProcess): Promise<void> {
  if (process.running) await process.kill();
}

/** For looking, from outside: it waits for a Redis that is away instead of failing at once. */
function inspectorOf(url: string): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
  client.on('error', () => {}); // it is away on purpose; what is asked of it meanwhile waits
  return client;
}

/** The driver would else go on to the address that a replica set names, past the proxy. */
const direct = (url: string) => `${url}${url.includes('?') ? '&' : '?'}directConnection=true`;

/** The edge asks this list on every connection. */
function onlyGateways(system: SplitSystem, some: SplitSystem['gateway']): { release(): void } {
  const all = [...system.gateway];
  system.gateway.splice(0, all.length, ...some);
  return { release: () => void system.gateway.splice(0, system.gateway.length, ...all) };
}

function logLines(file: string): LogLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

/** Waits until the services answer that they are ready. @returns milliseconds that it took */
export async function untilReady(services: readonly NamedService[], deadlineMs = 30_000): Promise<number> {
  const startedAt = performance.now();
  await eventually(
    async () => {
      for (const { name, process } of services) {
        const response = await fetch(`${process.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
        if (!response.ok) throw new Error(`${name} is not ready: ${await response.text()}`);
        await response.body?.cancel();
      }
    },
    deadlineMs,
    100,
  );
  return performance.now() - startedAt;
}

/** One value of a service's metrics. @throws Error if it has none of that name */
export async function metricOf({ process }: NamedService, name: string): Promise<number> {
  const response = await fetch(`${process.url}/metrics`, { signal: AbortSignal.timeout(2_000) });
  const line = (await response.text()).split('\n').find((text) => text.startsWith(name) && !text.startsWith('#'));
  if (line === undefined) throw new Error(`no metric ${name}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}
