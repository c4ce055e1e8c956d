import { ApiConfig } from '@confab/api';
import { GatewayConfig } from '@confab/gateway';
import { ReceiptsConfig } from '@confab/receipts';
import type { Environment } from '@confab/service-kit';

/** What the launcher decides itself: addresses, names and stores, one each. It takes some of them from the environment in its own way. */
const OWN = [
  'HOST',
  'PORT',
  'MONGODB_URL',
  'MONGODB_DATABASE',
  'REDIS_URL',
  'API_URL',
  'GATEWAY_ID',
  'WORKER_NAME',
  'JWT_SECRET',
];

/** The edge, which runs on this machine. */
const EDGE = '127.0.0.0/8,::1';

/**
 * What reaches every service of `npm run split`: each variable that one of them knows and the launcher does not decide; everything else of the
 * environment stays out. A service passes over what is not its own.
 */
export function splitEnvironment(env: Environment): Record<string, string> {
  const known = [ApiConfig, GatewayConfig, ReceiptsConfig].flatMap((schema) => Object.keys(schema.properties));
  const given = known.flatMap((name) => (env[name] && !OWN.includes(name) ? [[name, env[name]]] : []));
  const passed: Record<string, string> = Object.fromEntries(given);
  return { ...passed, TRUST_PROXY: passed.TRUST_PROXY ? `${EDGE},${passed.TRUST_PROXY}` : EDGE };
}

/** Whether tokens are checked with a key of the caller's: then a secret is not needed, and none may be made up. */
export const hasOwnKey = (env: Environment): boolean => Boolean(env.JWT_PUBLIC_KEY || env.JWT_JWKS_URL);
