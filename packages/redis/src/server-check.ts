import type { RedisConnection } from './connection.ts';

/** Source: `XADD key 1-*`, sharded Pub/Sub and script flags came with 7.0. */
const OLDEST_MAJOR = 7;

/**
 * Looks at the server once, at the start, so that what it cannot do is said in words there and not by odd errors later.
 * @throws Error if it is too old
 */
export async function checkServer(connection: RedisConnection): Promise<void> {
  const info = parseInfo(await connection.run((client) => client.info()));
  checkVersion(info.get('redis_version') ?? 'unknown');
  const policy = info.get('maxmemory_policy');
  if (info.get('maxmemory') === '0' || policy === undefined || policy === 'noeviction') return;
  connection.log.warn(
    { policy },
    'this Redis may evict keys: set maxmemory-policy noeviction, or users drop out of presence and receipts are lost',
  );
}

/** @throws Error if it is too old */
export function checkVersion(version: string): void {
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new Error(`Redis ${OLDEST_MAJOR}.0 or newer is needed, this is ${version}`);
  }
}

/** The fields of an answer to INFO. */
export function parseInfo(text: string): Map<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    }),
  );
}
