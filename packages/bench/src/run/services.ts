import { type ServiceProcess, startService } from '@confab/testkit';
import { JWT_SECRET } from '../clients/token.ts';
import { subjectNodeOptions } from './node-options.ts';

export interface Stores {
  redisUrl: string;
  keyPrefix: string;
  mongodbUrl: string;
  database: string;
}

/** Limits so wide that they are counted and never reached. */
const roomyApi = {
  MESSAGES_PER_MINUTE: '1000000',
  CONVERSATIONS_PER_HOUR: '1000000',
  REQUESTS_PER_MINUTE_PER_ADDRESS: '1000000000',
  REQUESTS_PER_MINUTE_PER_USER: '1000000000',
};

const storesOf = ({ redisUrl, keyPrefix, mongodbUrl, database }: Stores) => ({
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'info',
  REDIS_URL: redisUrl,
  KEY_PREFIX: keyPrefix,
  MONGODB_URL: mongodbUrl,
  MONGODB_DATABASE: database,
  ...subjectNodeOptions(),
});

export const startApi = (stores: Stores): Promise<ServiceProcess> =>
  startService({ name: 'api', env: { ...storesOf(stores), ...roomyApi, JWT_SECRET } });

export const startReceipts = (stores: Stores): Promise<ServiceProcess> =>
  startService({ name: 'receipts', env: { ...storesOf(stores), WORKER_NAME: 'bench' } });
