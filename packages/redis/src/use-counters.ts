import type { RedisConnection } from './connection.ts';
import { loadScript, runScript, scriptGroups } from './script.ts';

const addUses = loadScript(new URL('./lua/add-uses.lua', import.meta.url));

/** Counters in Redis that begin anew `windowMs` after their first use, one for all processes. */
export class RedisUseCounters {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /**
   * Adds uses to several counters at once. Guarantee: none; a call without an answer may have added or not.
   * @returns for each its count over all processes, and the milliseconds that it still lasts
   * @throws ChatError UNAVAILABLE
   */
  async add(
    uses: readonly { key: string; count: number }[],
    windowMs: number,
  ): Promise<{ count: number; leftMs: number }[]> {
    const { keys } = this.#connection;
    const replies = await Promise.all(
      scriptGroups(this.#connection, uses).map(
        (group) =>
          runScript(
            this.#connection,
            addUses,
            group.map(({ key }) => keys.useCounter(key)),
            [windowMs, ...group.map(({ count }) => count)],
          ) as Promise<number[]>,
      ),
    );
    return replies.flatMap((reply) =>
      Array.from({ length: reply.length / 2 }, (_, i) => ({
        count: Number(reply[2 * i]),
        leftMs: Number(reply[2 * i + 1]),
      })),
    );
  }
}
