import type { GatewayLease, PresenceRegistry } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { MemoryInbox } from './inbox.ts';
import type { Wakeup } from './wakeup.ts';

/** As for the users of a gateway that gave its lease back in Redis. Source: DESIGN section 4. */
const OFFLINE_GRACE_MS = 3_000;

interface Instance {
  users: Set<string>;
  inbox: MemoryInbox;
  expiresAt: number;
  /** When the offline checks of its users are due, if the lease was given back. */
  givenBackAt: number | null;
}

export interface MemoryPresenceOptions {
  now: () => number;
  inboxLength: number;
  wakeup: Wakeup;
  offlineGraceMs?: number;
}

/** Directory, leases and registry of one process. Everything is synchronous inside, so each call is atomic. */
export class MemoryPresence implements PresenceRegistry {
  readonly #options: MemoryPresenceOptions;
  readonly #instances = new Map<string, Instance>();
  readonly #userInstances = new Map<string, Set<string>>();
  readonly #announced = new Set<string>();
  readonly #offlineChecks = new Map<string, number>();

  constructor(options: MemoryPresenceOptions) {
    this.#options = options;
  }

  async instancesOf(userIds: readonly string[]): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const userId of userIds) {
      const live = this.#liveInstances(userId);
      if (live.length > 0) found.set(userId, live);
    }
    return found;
  }

  async onlineAmong(userIds: readonly string[]): Promise<Set<string>> {
    return new Set(userIds.filter((userId) => this.#liveInstances(userId).length > 0));
  }

  async claimOnline(userId: string): Promise<boolean> {
    if (this.#liveInstances(userId).length === 0 || this.#announced.has(userId)) return false;
    this.#announced.add(userId);
    return true;
  }

  async claimOffline(userId: string): Promise<boolean> {
    return this.#liveInstances(userId).length === 0 && this.#announced.delete(userId);
  }

  async scheduleOfflineCheck(userId: string, dueAt: number): Promise<void> {
    this.#offlineChecks.set(userId, Math.max(dueAt, this.#offlineChecks.get(userId) ?? 0));
  }

  async dueOfflineChecks(now: number, limit: number): Promise<string[]> {
    const due: string[] = [];
    for (const [userId, dueAt] of this.#offlineChecks) {
      if (due.length >= limit) break;
      if (dueAt <= now) due.push(userId);
    }
    return due;
  }

  async settleOfflineCheck(userId: string, checkedAt: number): Promise<void> {
    if ((this.#offlineChecks.get(userId) ?? Number.POSITIVE_INFINITY) <= checkedAt) this.#offlineChecks.delete(userId);
  }

  async reapExpired(): Promise<{ instance: string; userIds: string[] }[]> {
    const now = this.#options.now();
    const grace = this.#options.offlineGraceMs ?? OFFLINE_GRACE_MS;
    const reaped: { instance: string; userIds: string[] }[] = [];
    for (const [name, instance] of this.#instances) {
      if (instance.expiresAt > now) continue;
      const checkAt = instance.givenBackAt === null ? now : instance.givenBackAt + grace;
      const userIds = [...instance.users];
      for (const userId of userIds) {
        await this.scheduleOfflineCheck(userId, checkAt);
        this.remove(name, userId);
      }
      this.#instances.delete(name);
      reaped.push({ instance: name, userIds });
    }
    return reaped;
  }

  /** The inbox of an instance whose lease runs. */
  inboxOf(name: string): MemoryInbox | undefined {
    return this.#live(name)?.inbox;
  }

  open(name: string, leaseMs: number): void {
    const inbox = new MemoryInbox(this.#options.inboxLength, this.#options.wakeup);
    const expiresAt = this.#options.now() + leaseMs;
    this.#instances.set(name, { users: new Set(), inbox, expiresAt, givenBackAt: null });
  }

  renew(name: string, leaseMs: number): boolean {
    const instance = this.#live(name);
    if (!instance) return false;
    instance.expiresAt = this.#options.now() + leaseMs;
    return true;
  }

  end(name: string): void {
    const instance = this.#live(name);
    if (!instance) return;
    instance.givenBackAt = this.#options.now();
    instance.expiresAt = 0;
  }

  /** As if the lease had run out: for tests of what follows. */
  expire(name: string): void {
    const instance = this.#live(name);
    if (instance) instance.expiresAt = 0;
  }

  /** @throws ChatError UNAVAILABLE if the lease of the instance is gone */
  add(name: string, userId: string): void {
    const instance = this.#live(name);
    if (!instance) throw new ChatError('UNAVAILABLE', { retryAfter: 1, reason: 'The lease of this gateway is gone' });
    instance.users.add(userId);
    const instances = this.#userInstances.get(userId) ?? new Set();
    this.#userInstances.set(userId, instances.add(name));
  }

  remove(name: string, userId: string): void {
    this.#instances.get(name)?.users.delete(userId);
    const instances = this.#userInstances.get(userId);
    instances?.delete(name);
    if (instances?.size === 0) this.#userInstances.delete(userId);
  }

  #liveInstances(userId: string): string[] {
    return [...(this.#userInstances.get(userId) ?? [])].filter((name) => this.#live(name) !== undefined);
  }

  #live(name: string): Instance | undefined {
    const instance = this.#instances.get(name);
    return instance && instance.expiresAt > this.#options.now() ? instance : undefined;
  }
}

/** The lease of one gateway of this process. */
export class MemoryGatewayLease implements GatewayLease {
  readonly #presence: MemoryPresence;
  readonly #gatewayId: string;
  readonly #leaseMs: number;
  readonly #onChange: () => void;
  #incarnation = 0;

  /** @param onChange is called when the instance has changed */
  constructor(presence: MemoryPresence, gatewayId: string, leaseMs: number, onChange: () => void) {
    this.#presence = presence;
    this.#gatewayId = gatewayId;
    this.#leaseMs = leaseMs;
    this.#onChange = onChange;
    this.#open();
  }

  get instance(): string {
    return `${this.#gatewayId}.${this.#incarnation}`;
  }

  async register(userId: string): Promise<void> {
    this.#presence.add(this.instance, userId);
  }

  async unregister(userId: string): Promise<void> {
    this.#presence.remove(this.instance, userId);
  }

  async renew(): Promise<boolean> {
    return this.#presence.renew(this.instance, this.#leaseMs);
  }

  async reincarnate(userIds: string[]): Promise<void> {
    const former = this.instance;
    this.#open();
    for (const userId of userIds) this.#presence.add(this.instance, userId);
    this.#presence.end(former);
  }

  async release(): Promise<void> {
    this.#presence.end(this.instance);
  }

  #open(): void {
    this.#incarnation++;
    this.#presence.open(this.instance, this.#leaseMs);
    this.#onChange();
  }
}
