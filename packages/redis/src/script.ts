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
