import { randomBytes } from 'node:crypto';
import type { GatewayLease } from '@confab/chat';
import type { RedisConnection } from './connection.ts';
import { unavailable } from './redis-errors.ts';
import { loadScript, runScript } from './script.ts';
import { ServerWatch } from './server-watch.ts';

const openLease = loadScript(new URL('./lua/open-lease.lua', import.meta.url));
const renewLease = loadScript(new URL('./lua/renew-lease.lua', import.meta.url));
const renewInbox = loadScript(new URL('./lua/renew-inbox.lua', import.meta.url));
const endLease = loadScript(new URL('./lua/end-lease.lua', import.meta.url));
const liveInstances = loadScript(new URL('./lua/live-instances.lua', import.meta.url));

/** Milliseconds. Source: DESIGN section 4 wants ghosts gone within 15 s; 12 s and the reaper's poll leave room. */
export const DEFAULT_LEASE_MS = 12_000;
/**
 * How long the list of an instance's users outlives its last renewal: workers may be down for a while, and the list of a zombie that
 * registers after its reaping must not stay for ever.
 */
const USERS_TTL_MS = 24 * 3_600_000;
/** Users registered in one pipeline after a lost lease. */
const REGISTER_CHUNK = 500;

export interface GatewayLeaseOptions {
  gatewayId: string;
  leaseMs?: number;
  /** Unique over all lives of this gateway, even after Redis lost everything; hence time and chance, and no counter in Redis. */
  newIncarnation?: () => string;
}

/**
 * The gateway's side of presence, in Redis. Call `reincarnate([])` before anything else: that opens the first lease. Calls of `register` and
 * `unregister` for one user must not overlap; `reincarnate` may overlap with both, not with itself.
 */
export class RedisGatewayLease implements GatewayLease {
  readonly #connection: RedisConnection;
  readonly #gatewayId: string;
  readonly #leaseMs: number;
  readonly #newIncarnation: () => string;
  readonly #servers: ServerWatch;
  readonly #listeners = new Set<(instance: string) => void>();
  #lastRead: (instance: string) => number = () => 0;
  #instance: string;
  /** False until every user of this incarnation is registered: such a lease must not be kept up. */
  #complete = false;
  /** Who came and who left while a reincarnation is going on, whose list of users was made before. */
  #meanwhile: Map<string, 'came' | 'left'> | null = null;

  constructor(connection: RedisConnection, options: GatewayLeaseOptions) {
    this.#connection = connection;
    this.#servers = new ServerWatch(connection);
    this.#gatewayId = options.gatewayId;
    this.#leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
    this.#newIncarnation =
      options.newIncarnation ?? (() => `${Date.now().toString(36)}${randomBytes(4).toString('hex')}`);
    this.#instance = `${this.#gatewayId}.none`;
  }

  get instance(): string {
    return this.#instance;
  }

  /** Calls back with each new instance, as soon as its inbox exists. */
  onIncarnation(listener: (instance: string) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * From now on the lease is renewed only while the inbox goes as far as it was read.
   * @param lastRead sequence number of the last entry that was read of an instance's inbox, 0 if none was
   */
  compareWith(lastRead: (instance: string) => number): void {
    this.#lastRead = lastRead;
  }

  /** @throws ChatError UNAVAILABLE if Redis did not take it, or the lease is gone: the user must not be taken for registered */
  async register(userId: string): Promise<void> {
    let instance: string;
    do {
      instance = this.#instance;
      this.#meanwhile?.set(userId, 'came');
      await this.#registerIn(instance, [userId]);
      if (instance === this.#instance) await this.#assertLive(instance);
      // A reincarnation in between does not know of this user: register them in the new instance too.
    } while (instance !== this.#instance);
  }

  async unregister(userId: string): Promise<void> {
    let instance: string;
    do {
      instance = this.#instance;
      this.#meanwhile?.set(userId, 'left');
      await this.#unregisterFrom(instance, [userId]);
    } while (instance !== this.#instance);
  }

  async renew(): Promise<boolean> {
    if (!this.#complete) return false;
    try {
      if (!(await this.#renew(this.#instance))) return false;
    } catch (error) {
      this.#servers.doubt();
      throw error;
    }
    if (await this.#servers.unchanged()) return true;
    this.#connection.log.warn({}, 'Redis was started again or replaced: what it took last may be lost');
    return false;
  }

  async reincarnate(userIds: string[]): Promise<void> {
    const former = this.#instance;
    this.#complete = false;
    const meanwhile = new Map<string, 'came' | 'left'>();
    this.#meanwhile = meanwhile;
    const instance = `${this.#gatewayId}.${this.#newIncarnation()}`;
    // Before anything of this incarnation is written: whatever takes the place of these servers may lack it.
    await this.#servers.begin();
    await this.#open(instance);
    this.#instance = instance;
    for (const listener of this.#listeners) listener(instance);
    await this.#registerIn(instance, userIds);
    await this.#end(former);
    await this.#catchUp(instance, meanwhile);
    this.#meanwhile = null;
    this.#complete = true;
  }

  async release(): Promise<void> {
    this.#complete = false;
    await this.#end(this.#instance);
  }

  /** Both at once: they are of different slots. */
  async #renew(instance: string): Promise<boolean> {
    const { keys } = this.#connection;
    const [renewed, inboxKept] = await Promise.all([
      runScript(this.#connection, renewLease, [keys.leases], [instance, this.#leaseMs]),
      runScript(
        this.#connection,
        renewInbox,
        [keys.inbox(instance), keys.instanceUsers(instance)],
        [this.#inboxTtl, USERS_TTL_MS, this.#lastRead(instance)],
      ),
    ]);
    return renewed === 1 && inboxKept === 1;
  }

  /** Brings those who came or left during the reincarnation in line; more may do so while it is at that. */
  async #catchUp(instance: string, meanwhile: Map<string, 'came' | 'left'>): Promise<void> {
    while (meanwhile.size > 0) {
      const changes = [...meanwhile];
      meanwhile.clear();
      const usersThat = (change: 'came' | 'left') =>
        changes.filter(([, what]) => what === change).map(([user]) => user);
      await this.#registerIn(instance, usersThat('came'));
      await this.#unregisterFrom(instance, usersThat('left'));
    }
  }

  /** The inbox outlives the lease: it must never be the first to go while a renewal is on its way. */
  get #inboxTtl(): number {
    return this.#leaseMs * 2;
  }

  /** The inbox first: once the lease shows the instance, publishers find it. Entry 1-1 only opens the stream. */
  async #open(instance: string): Promise<void> {
    const { keys } = this.#connection;
    await this.#connection.run((client) => client.xadd(keys.inbox(instance), '1-1', 'open', '1'));
    await this.#connection.run((client) => client.pexpire(keys.inbox(instance), this.#inboxTtl));
    await runScript(this.#connection, openLease, [keys.leases], [instance, this.#leaseMs]);
  }

  /** Ends a lease; the reaper removes what is left. Look-ups leave the instance out from now on. */
  async #end(instance: string): Promise<void> {
    const { keys } = this.#connection;
    await runScript(this.#connection, endLease, [keys.leases], [instance]);
    await this.#connection.run((client) => client.del(keys.inbox(instance)));
  }

  /** The instance's list first: a crash between the two leaves a name to reap, and never a user that no reaper finds. */
  async #registerIn(instance: string, userIds: string[]): Promise<void> {
    const { keys } = this.#connection;
    const users = keys.instanceUsers(instance);
    for (const chunk of chunksOf(userIds)) {
      await this.#connection.run((client) =>
        Promise.all([client.sadd(users, ...chunk), client.pexpire(users, USERS_TTL_MS)]),
      );
      await this.#connection.run((client) =>
        Promise.all(chunk.map((userId) => client.sadd(keys.userInstances(userId), instance))),
      );
    }
  }

  async #unregisterFrom(instance: string, userIds: string[]): Promise<void> {
    const { keys } = this.#connection;
    for (const chunk of chunksOf(userIds)) {
      await this.#connection.run((client) =>
        Promise.all(chunk.map((userId) => client.srem(keys.userInstances(userId), instance))),
      );
      await this.#connection.run((client) => client.srem(keys.instanceUsers(instance), ...chunk));
    }
  }

  async #assertLive(instance: string): Promise<void> {
    const live = (await runScript(
      this.#connection,
      liveInstances,
      [this.#connection.keys.leases],
      [instance],
    )) as string[];
    if (live.length === 0) throw unavailable(new Error('the lease of this gateway is gone'));
  }
}

function* chunksOf(userIds: string[]): Generator<string[]> {
  for (let from = 0; from < userIds.length; from += REGISTER_CHUNK) yield userIds.slice(from, from + REGISTER_CHUNK);
}
