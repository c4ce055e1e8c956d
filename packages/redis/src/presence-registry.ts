import type { PresenceRegistry } from '@confab/chat';
import type { RedisConnection } from './connection.ts';
import { RedisPresenceDirectory } from './presence-directory.ts';
import { loadScript, runScript } from './script.ts';

const claimOnline = loadScript(new URL('./lua/claim-online.lua', import.meta.url));
const claimOffline = loadScript(new URL('./lua/claim-offline.lua', import.meta.url));
const settleOfflineCheck = loadScript(new URL('./lua/settle-offline-check.lua', import.meta.url));
const expiredLeases = loadScript(new URL('./lua/expired-leases.lua', import.meta.url));

/** Instances reaped in one call. Source: the rest comes with the next poll, a second later. */
const REAP_LIMIT = 20;
/** Users cleaned up in one pipeline: well within the deadline of a command. */
const REAP_CHUNK = 500;
/** How long the users of an instance that left in good order may take to connect elsewhere. Source: DESIGN section 4. */
const OFFLINE_GRACE_MS = 3_000;

interface ExpiredLease {
  instance: string;
  /** When the offline checks of its users are due (Unix ms). */
  checkAt: number;
}

/** The worker's side of presence, in Redis. */
export class RedisPresenceRegistry extends RedisPresenceDirectory implements PresenceRegistry {
  readonly #offlineGraceMs: number;

  /** @param options.offlineGraceMs grace for the users of a gateway that gave its lease back; those of a dead gateway had it in the lease */
  constructor(connection: RedisConnection, options: { offlineGraceMs?: number } = {}) {
    super(connection);
    this.#offlineGraceMs = options.offlineGraceMs ?? OFFLINE_GRACE_MS;
  }

  async claimOnline(userId: string): Promise<boolean> {
    const { live } = await this.#instancesByLife(userId);
    if (live.length === 0) return false;
    return (await runScript(this.connection, claimOnline, this.#userKeys(userId), live)) === 1;
  }

  async claimOffline(userId: string): Promise<boolean> {
    const { live, dead } = await this.#instancesByLife(userId);
    if (live.length > 0) return false;
    return (await runScript(this.connection, claimOffline, this.#userKeys(userId), dead)) === 1;
  }

  /** Of two schedules the later one counts. */
  async scheduleOfflineCheck(userId: string, dueAt: number): Promise<void> {
    await this.#schedule([userId], dueAt);
  }

  async dueOfflineChecks(now: number, limit: number): Promise<string[]> {
    const { keys } = this.connection;
    return this.connection.run((client) => client.zrangebyscore(keys.offlineChecks, '-inf', now, 'LIMIT', 0, limit));
  }

  async settleOfflineCheck(userId: string, checkedAt: number): Promise<void> {
    await runScript(this.connection, settleOfflineCheck, [this.connection.keys.offlineChecks], [userId, checkedAt]);
  }

  /**
   * Any worker may call it at any time, several at once too. The offline checks of the users are scheduled before the instance is
   * removed: a worker that dies in between leaves the instance for the next one, and no user stays online as a ghost.
   */
  async reapExpired(): Promise<{ instance: string; userIds: string[] }[]> {
    const reaped: { instance: string; userIds: string[] }[] = [];
    for (const expired of await this.#expiredLeases()) reaped.push(await this.#reap(expired));
    return reaped;
  }

  async #expiredLeases(): Promise<ExpiredLease[]> {
    const { keys } = this.connection;
    const [now, ...pairs] = (await runScript(this.connection, expiredLeases, [keys.leases], [REAP_LIMIT])) as string[];
    const found: ExpiredLease[] = [];
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const expiry = Number(pairs[i + 1]);
      found.push({ instance: pairs[i] ?? '', checkAt: expiry < 0 ? -expiry + this.#offlineGraceMs : Number(now) });
    }
    return found;
  }

  async #reap({ instance, checkAt }: ExpiredLease): Promise<{ instance: string; userIds: string[] }> {
    const { keys } = this.connection;
    const userIds = await this.connection.run((client) => client.smembers(keys.instanceUsers(instance)));
    for (let from = 0; from < userIds.length; from += REAP_CHUNK) {
      const chunk = userIds.slice(from, from + REAP_CHUNK);
      await this.#schedule(chunk, checkAt);
      await this.forget(instance, chunk);
    }
    await this.connection.run((client) => client.del(keys.instanceUsers(instance), keys.inbox(instance)));
    await this.connection.run((client) => client.zrem(keys.leases, instance));
    return { instance, userIds };
  }

  async #schedule(userIds: string[], dueAt: number): Promise<void> {
    const members = userIds.flatMap((userId) => [dueAt, userId]);
    await this.connection.run((client) => client.zadd(this.connection.keys.offlineChecks, 'GT', ...members));
  }

  async #instancesByLife(userId: string): Promise<{ live: string[]; dead: string[] }> {
    const instances = (await this.registeredInstances([userId])).get(userId) ?? [];
    const alive = await this.liveAmong(instances);
    return {
      live: instances.filter((instance) => alive.has(instance)),
      dead: instances.filter((instance) => !alive.has(instance)),
    };
  }

  #userKeys(userId: string): string[] {
    return [this.connection.keys.userInstances(userId), this.connection.keys.userAnnounced(userId)];
  }
}
