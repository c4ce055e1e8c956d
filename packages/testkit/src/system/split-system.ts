import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type FoundStore, findMongo, findRedis } from '../stores.ts';
import { type Edge, startEdge } from './edge.ts';
import { type ServiceName, type ServiceProcess, startService } from './service-process.ts';

export interface SplitOptions {
  api: number;
  gateway: number;
  receipts: number;
  /** Port of the edge; 0 takes a free one. */
  port?: number;
  host?: string;
  /** Empty where `env` has a key in its place. */
  jwtSecret: string;
  /** Started if absent. */
  redisUrl?: string;
  /** Found or started if absent. */
  mongodbUrl?: string;
  database?: string;
  /** Environment of every service, and of one kind. */
  env?: Record<string, string>;
  serviceEnv?: Partial<Record<ServiceName, Record<string, string>>>;
  /** A folder for one log file per process. */
  logs?: string;
}

/** The split system on one machine: every service a process of its own, real stores, one edge. */
export interface SplitSystem {
  edge: Edge;
  mongodbUrl: string;
  redisUrl: string;
  database: string;
  jwtSecret: string;
  api: ServiceProcess[];
  gateway: (ServiceProcess & { id: string })[];
  receipts: ServiceProcess[];
  /** Ends everything that was started here, in order; leaves nothing running. */
  stop(): Promise<void>;
}

/** @throws Error that says which part did not start, after ending the others */
export async function startSplitSystem(options: SplitOptions): Promise<SplitSystem> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end();
  };
  try {
    return { ...(await startParts(options, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: SplitOptions,
  started: (() => Promise<unknown>)[],
): Promise<Omit<SplitSystem, 'stop'>> {
  if (options.logs) mkdirSync(options.logs, { recursive: true });
  const own = (store: FoundStore) => {
    started.push(() => store.stop());
    return store.url;
  };
  const redisUrl = options.redisUrl ?? own(await findRedis());
  const mongodbUrl = options.mongodbUrl ?? own(await findMongo());
  const database = options.database ?? 'confab';
  const stores = { REDIS_URL: redisUrl, MONGODB_URL: mongodbUrl, MONGODB_DATABASE: database };
  const edgePort = options.port || (await freePort());
  // Sends of gateways go over the edge: every api takes its part of them.
  const edgeUrl = `http://127.0.0.1:${edgePort}`;
  const common = {
    HOST: '127.0.0.1',
    JWT_SECRET: options.jwtSecret,
    TRUST_PROXY: '127.0.0.0/8,::1',
    // where uploads are kept by the api itself
    MEDIA_PUBLIC_URL: edgeUrl,
    ...stores,
    ...options.env,
  };

  const launch = async (name: ServiceName, index: number, env: Record<string, string>) => {
    const service = await startService({
      name,
      env: { ...common, PORT: String(await freePort()), ...env, ...options.serviceEnv?.[name] },
      ...(options.logs && { logFile: join(options.logs, `${name}-${index}.log`) }),
    });
    started.push(() => service.stop());
    return service;
  };
  const several = <T>(count: number, make: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => make(i)));

  const [api, receipts, gateway] = await Promise.all([
    several(options.api, (i) => launch('api', i, {})),
    several(options.receipts, (i) => launch('receipts', i, { WORKER_NAME: `receipts-${i}` })),
    several(options.gateway, async (i) => {
      const id = `gateway-${i}`;
      return Object.assign(await launch('gateway', i, { GATEWAY_ID: id, API_URL: edgeUrl }), { id });
    }),
  ]);
  const edge = await startEdge({
    port: edgePort,
    host: options.host ?? '127.0.0.1',
    apis: () => api,
    gateways: () => gateway,
  });
  started.push(() => edge.close());
  return { edge, mongodbUrl, redisUrl, database, jwtSecret: options.jwtSecret, api, gateway, receipts };
}
