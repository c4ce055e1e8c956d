import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisConnection } from './connection.ts';
import { replyCode } from './redis-errors.ts';

/** A Lua file: it runs as a whole or not at all, and nothing runs in between. */
export interface Script {
  source: string;
  sha: string;
}

/** @param file URL of a `.lua` file beside the code, `new URL('./lua/name.lua', import.meta.url)` */
export function loadScript(file: URL): Script {
  const source = readFileSync(file, 'utf8');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script by its hash, and sends its text only if Redis does not know it (any more). */
export function runScript(
  connection: RedisConnection,
  script: Script,
  keys: string[],
  args: (string | number)[],
): Promise<unknown> {
  return connection.run(async (client) => {
    try {
      return await client.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error;
      return client.eval(script.source, keys.length, ...keys, ...args);
    }
  });
}

/** Keys of one call of a script at most. Source: such a call takes well under a millisecond, and others wait meanwhile. */
const KEYS_AT_ONCE = 250;

/**
 * Groups things of which each has a key, for scripts that take many keys: on a single server they go together, in a cluster each
 * alone, since the keys of different ones are in different slots.
 */
export function scriptGroups<T>(connection: RedisConnection, things: readonly T[]): T[][] {
  const size = connection.isCluster ? 1 : KEYS_AT_ONCE;
  return Array.from({ length: Math.ceil(things.length / size) }, (_, i) => things.slice(i * size, (i + 1) * size));
}
