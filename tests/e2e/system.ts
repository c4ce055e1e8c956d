import { mintToken, startService, startSplitSystem, tempDir, testMongo, testRedis } from '@confab/testkit';

/** A whole Confab under test, seen from outside. */
export interface System {
  name: string;
  /** REST and Socket.IO, as clients see them. */
  url: string;
  /** The gateways one by one (standalone: the same one twice). */
  gateways: [string, string];
  apis: [string, string];
  token(userId: string, claims?: Record<string, unknown>): string;
  stop(): Promise<unknown>;
}

export const JWT_SECRET = 'the-secret-of-the-end-to-end-tests-0123456789';
/** The guide's limits are tested for themselves; elsewhere they would only slow tests down. */
const ROOMY = {
  MESSAGES_PER_MINUTE: '10000',
  CONVERSATIONS_PER_HOUR: '1000',
  REQUESTS_PER_MINUTE_PER_USER: '100000',
  LOG_LEVEL: 'info',
  CLIENT_URL: 'http://localhost:3000',
};

export const tokenOf = (userId: string, claims: Record<string, unknown> = {}) =>
  mintToken(JWT_SECRET, { sub: userId, ...claims });

export async function startSplit(env: Record<string, string> = {}): Promise<System> {
  const [mongo, redis] = await Promise.all([testMongo(), testRedis()]);
  const split = await startSplitSystem({
    api: 2,
    gateway: 2,
    receipts: 1,
    jwtSecret: JWT_SECRET,
    mongodbUrl: mongo.url,
    redisUrl: redis.url,
    database: mongo.dbName(),
    env: { ...ROOMY, ...env },
  });
  return {
    name: 'split',
    url: split.edge.url,
    gateways: [split.gateway[0]?.url ?? '', split.gateway[1]?.url ?? ''],
    apis: [split.api[0]?.url ?? '', split.api[1]?.url ?? ''],
    token: tokenOf,
    stop: async () => {
      await split.stop();
      await redis.stop();
    },
  };
}

/** @param env without MONGODB_URL it uses its own embedded store */
export async function startStandaloneSystem(env: Record<string, string> = {}): Promise<System> {
  const folder = await tempDir('standalone');
  const mongo = await testMongo();
  const process = await startService({
    name: 'standalone',
    env: {
      PORT: '0',
      DATA_DIR: folder.path,
      JWT_SECRET,
      MONGODB_URL: mongo.url,
      MONGODB_DATABASE: mongo.dbName(),
      ...ROOMY,
      ...env,
    },
  });
  const { url } = process;
  return {
    name: 'standalone',
    url,
    gateways: [url, url],
    apis: [url, url],
    token: tokenOf,
    stop: async () => {
      await process.stop();
      await folder.remove();
    },
  };
}
