import type { ApiBus } from '@confab/chat';
import { createRedisApiBus } from '@confab/streams';
import { type ServiceProcess, startService } from '@confab/testkit';
import { JWT_SECRET } from '../clients/token.ts';
import { subjectNodeOptions } from './node-options.ts';
import { silent } from './silent-log.ts';

/** Settings under which a load of one machine is not taken for abuse. */
export const roomyGateway = {
  HANDSHAKES_PER_SECOND: '100000',
  MAX_SOCKETS_PER_ADDRESS: '100000',
  EVENTS_PER_SECOND: '10000',
};

export interface GatewayOptions {
  redisUrl: string;
  keyPrefix: string;
  id: string;
  apiUrl?: string;
  env?: Record<string, string>;
}

/** A gateway as a process of its own; without an api unless one is named. */
export function startGateway({ redisUrl, keyPrefix, id, apiUrl, env }: GatewayOptions): Promise<ServiceProcess> {
  return startService({
    name: 'gateway',
    env: {
      ...roomyGateway,
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'info',
      GATEWAY_ID: id,
      API_URL: apiUrl ?? 'http://127.0.0.1:1',
      REDIS_URL: redisUrl,
      KEY_PREFIX: keyPrefix,
      JWT_SECRET,
      DRAIN_MS: '0',
      ...subjectNodeOptions(),
      ...env,
    },
  });
}

/** The bus as an api has it, for what publishes in place of one. */
export const openPublisher = (redisUrl: string, keyPrefix: string): Promise<ApiBus> =>
  createRedisApiBus({ url: redisUrl, keyPrefix, log: silent });
