import type { PresenceDirectory } from '@confab/chat';
import type { RedisConnection } from './connection.ts';
import { loadScript, runScript, scriptGroups } from './script.ts';

const userInstances = loadScript(new URL('./lua/user-instances.lua', import.meta.url));
const liveInstances = loadScript(new URL('./lua/live-instances.lua', import.meta.url));

/** Who is connected where, from Redis. Instances whose lease ran out are left out, and removed from what was looked up. */
export class RedisPresenceDirectory implements PresenceDirectory {
  protected readonly connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.connection = connection;
  }

  async instancesOf(userIds: readonly string[]): Promise<Map<string, string[]>> {
    const registered = await this.registeredInstances(userIds);
    const candidates = new Set([...registered.values()].flat());
    if (candidates.size === 0) return registered;
    const live = await this.liveAmong([...candidates]);
    if (live.size === candidates.size) return registered;
    return this.#withoutDead(registered, live);
  }

  async onlineAmong(userIds: readonly string[]): Promise<Set<string>> {
    return new Set((await this.instancesOf(userIds)).keys());
  }

  /** As `instancesOf`, with instances in it that may be dead: for those who find that out anyway, with one round trip less. */
  async registeredInstances(userIds: readonly string[]): Promise<Map<string, string[]>> {
    const { registered, unknown } = await this.lookUp(userIds);
    for (const error of unknown.values()) throw error;
    return registered;
  }

  /**
   * As `registeredInstances`, where a part of the users may not be found out: in a cluster one node is away and the others answer. Never throws.
   * @returns `unknown`: users of whom it is not known, with the reason
   */
  async lookUp(
    userIds: readonly string[],
  ): Promise<{ registered: Map<string, string[]>; unknown: Map<string, unknown> }> {
    const { keys } = this.connection;
    const registered = new Map<string, string[]>();
    const unknown = new Map<string, unknown>();
    const lookUpGroup = async (group: readonly string[]) => {
      try {
        const found = await runScript(this.connection, userInstances, group.map(keys.userInstances), []);
        (found as string[][]).forEach((instances, index) => {
          if (instances.length > 0) registered.set(group[index] as string, instances);
        });
      } catch (error) {
        for (const userId of group) unknown.set(userId, error);
      }
    };
    await Promise.all(scriptGroups(this.connection, [...new Set(userIds)]).map(lookUpGroup));
    return { registered, unknown };
  }

  /** Those of the instances whose lease runs. */
  async liveAmong(instances: string[]): Promise<Set<string>> {
    if (instances.length === 0) return new Set();
    return new Set(
      (await runScript(this.connection, liveInstances, [this.connection.keys.leases], instances)) as string[],
    );
  }

  /** Removes a dead instance from these users. The reaper still finds them by the instance. */
  async forget(instance: string, userIds: readonly string[]): Promise<void> {
    const { keys } = this.connection;
    await this.connection.run((client) =>
      Promise.all(userIds.map((userId) => client.srem(keys.userInstances(userId), instance))),
    );
  }

  #withoutDead(registered: Map<string, string[]>, live: Set<string>): Map<string, string[]> {
    const alive = new Map<string, string[]>();
    const dead = new Map<string, string[]>();
    for (const [userId, instances] of registered) {
      const remaining = instances.filter((instance) => live.has(instance));
      if (remaining.length > 0) alive.set(userId, remaining);
      for (const instance of instances) {
        if (!live.has(instance)) dead.set(instance, [...(dead.get(instance) ?? []), userId]);
      }
    }
    for (const [instance, userIds] of dead) this.#forgetLater(instance, userIds);
    return alive;
  }

  /** The answer does not wait for the clean-up: a look-up that comes before it leaves the dead out again. */
  #forgetLater(instance: string, userIds: string[]): void {
    this.forget(instance, userIds).catch((error: unknown) =>
      this.connection.log.warn(
        { instance, error: String(error) },
        'a dead instance was not removed from its users yet',
      ),
    );
  }
}
