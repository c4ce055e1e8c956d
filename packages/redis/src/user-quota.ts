import type { UserQuota } from '@confab/chat';
import type { RedisConnection } from './connection.ts';
import type { RedisPresenceDirectory } from './presence-directory.ts';
import { loadScript, runScript } from './script.ts';

const takeSockets = loadScript(new URL('./lua/take-sockets.lua', import.meta.url));
const spendEvents = loadScript(new URL('./lua/spend-events.lua', import.meta.url));

/** Milliseconds that a user's counts outlive their last change. Source: no socket lasts longer without another one coming or going. */
const COUNTS_TTL_MS = 7 * 24 * 3_600_000;

/** The quota of users, in Redis, as one gateway sees it. Calls of one user must not overlap. */
export class RedisUserQuota implements UserQuota {
  readonly #connection: RedisConnection;
  readonly #directory: RedisPresenceDirectory;
  readonly #instance: () => string;

  /** @param instance what this gateway is now */
  constructor(connection: RedisConnection, directory: RedisPresenceDirectory, instance: () => string) {
    this.#connection = connection;
    this.#directory = directory;
    this.#instance = instance;
  }

  async takeSockets(userId: string, count: number, limit: number): Promise<boolean> {
    const first = await this.#take(userId, count, limit);
    if (first.taken) return true;
    // What dead gateways held is gone; they never come back, so nobody writes there any more.
    const live = await this.#directory.liveAmong(first.others);
    const dead = first.others.filter((instance) => !live.has(instance));
    if (dead.length === 0) return false;
    await this.#connection.run((client) => client.hdel(this.#connection.keys.userSockets(userId), ...dead));
    return (await this.#take(userId, count, limit)).taken;
  }

  async setSockets(counts: ReadonlyMap<string, number>): Promise<void> {
    const instance = this.#instance();
    const { keys } = this.#connection;
    await this.#connection.run((client) =>
      Promise.all(
        [...counts].flatMap(([userId, count]) => {
          const key = keys.userSockets(userId);
          if (count === 0) return client.hdel(key, instance);
          return [client.hset(key, instance, count), client.pexpire(key, COUNTS_TTL_MS)];
        }),
      ),
    );
  }

  async spendEvents(userId: string, events: number, rule: { perSecond: number; burst: number }): Promise<number> {
    const keys = [this.#connection.keys.userEvents(userId)];
    return Number(await runScript(this.#connection, spendEvents, keys, [events, rule.perSecond, rule.burst]));
  }

  async #take(userId: string, count: number, limit: number): Promise<{ taken: boolean; others: string[] }> {
    const keys = [this.#connection.keys.userSockets(userId)];
    const args = [this.#instance(), count, limit, COUNTS_TTL_MS];
    const [taken, ...others] = (await runScript(this.#connection, takeSockets, keys, args)) as [number, ...string[]];
    return { taken: taken === 1, others };
  }
}
