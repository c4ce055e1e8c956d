import type { GatewayLease, PresenceRegistry } from '@confab/chat';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uniqueUser } from './fixtures.ts';

export interface PresenceBackend {
  registry: PresenceRegistry;
  /** A lease that runs. */
  openLease(gatewayId: string): Promise<GatewayLease>;
  /** Makes the lease run out now, without the gateway noticing. */
  expire(lease: GatewayLease): Promise<void>;
  close(): Promise<void>;
}

/** What every PresenceDirectory, GatewayLease and PresenceRegistry must do. */
export function presenceContract(name: string, open: () => Promise<PresenceBackend>): void {
  describe(`presence on ${name}`, () => {
    let backend: PresenceBackend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.close());
    const openLease = () => backend.openLease(uniqueUser('gateway'));

    test('finds a user in every instance that holds them, as soon as register returns', async () => {
      const [one, two, user, stranger] = [await openLease(), await openLease(), uniqueUser('u'), uniqueUser('s')];
      await one.register(user);
      await two.register(user);
      const found = await backend.registry.instancesOf([user, stranger, user]);
      expect([...found.keys()]).toEqual([user]);
      expect(found.get(user)?.toSorted()).toEqual([one.instance, two.instance].toSorted());
      expect(await backend.registry.onlineAmong([user, stranger])).toEqual(new Set([user]));
    });

    test('registering twice is once; unregistering takes the user out of this instance only', async () => {
      const [one, two, user] = [await openLease(), await openLease(), uniqueUser('u')];
      await one.register(user);
      await one.register(user);
      await two.register(user);
      await one.unregister(user);
      expect((await backend.registry.instancesOf([user])).get(user)).toEqual([two.instance]);
      await two.unregister(user);
      expect(await backend.registry.onlineAmong([user])).toEqual(new Set());
    });

    test('carries user ids with braces, spaces and other signs', async () => {
      const [lease, registry] = [await openLease(), backend.registry];
      const users = ['}{', '{}', 'a b', 'ü:☃', '%7b', "'; DROP"].map((id) => uniqueUser(id));
      for (const user of users) await lease.register(user);
      expect(await registry.onlineAmong(users)).toEqual(new Set(users));
      for (const user of users) expect(await registry.claimOnline(user)).toBe(true);
      await lease.release();
    });

    test('renews a lease that runs', async () => {
      expect(await (await openLease()).renew()).toBe(true);
    });

    test('does not renew a lease that ran out, and look-ups leave its instance out at once', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      await lease.register(user);
      await backend.expire(lease);
      expect(await backend.registry.onlineAmong([user])).toEqual(new Set());
      expect(await lease.renew()).toBe(false);
      await backend.registry.reapExpired();
      expect(await lease.renew()).toBe(false);
    });

    test('does not take a registration on a lease that ran out', async () => {
      const lease = await openLease();
      await backend.expire(lease);
      await expect(lease.register(uniqueUser('u'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });

    test('a new incarnation has another name and all of the users', async () => {
      const [lease, users] = [await openLease(), [uniqueUser('a'), uniqueUser('b')]];
      for (const user of users) await lease.register(user);
      const former = lease.instance;
      await backend.expire(lease);
      await lease.reincarnate(users);
      expect(lease.instance).not.toBe(former);
      expect(lease.instance.split('.')[0]).toBe(former.split('.')[0]);
      const found = await backend.registry.instancesOf(users);
      for (const user of users) expect(found.get(user)).toEqual([lease.instance]);
      expect(await lease.renew()).toBe(true);
    });

    test('reaps an expired instance once, with its users; a second reaper finds nothing', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      await lease.register(user);
      await backend.expire(lease);
      const reaped = [...(await backend.registry.reapExpired()), ...(await backend.registry.reapExpired())];
      const ofLease = reaped.filter((instance) => instance.instance === lease.instance);
      expect(ofLease).toEqual([{ instance: lease.instance, userIds: [user] }]);
    });

    test('the users of an instance that died are due for a check at once', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      await lease.register(user);
      await backend.expire(lease);
      await backend.registry.reapExpired();
      expect(await backend.registry.dueOfflineChecks(Date.now() + 1_000, 10_000)).toContain(user);
    });

    test('the users of an instance that was given back are gone at once, and due for a check after the grace', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      await lease.register(user);
      await lease.release();
      expect(await backend.registry.onlineAmong([user])).toEqual(new Set());
      await backend.registry.reapExpired();
      expect(await backend.registry.dueOfflineChecks(Date.now() + 1_000, 10_000)).not.toContain(user);
      expect(await backend.registry.dueOfflineChecks(Date.now() + 4_000, 10_000)).toContain(user);
    });

    test('one claim of online per connection, however many workers ask', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      expect(await backend.registry.claimOnline(user)).toBe(false);
      await lease.register(user);
      const claims = await Promise.all(Array.from({ length: 8 }, () => backend.registry.claimOnline(user)));
      expect(claims.filter(Boolean)).toHaveLength(1);
    });

    test('claims offline only for an announced user that is connected nowhere, and once', async () => {
      const [one, two, user] = [await openLease(), await openLease(), uniqueUser('u')];
      await one.register(user);
      await two.register(user);
      expect(await backend.registry.claimOffline(user)).toBe(false);
      await backend.registry.claimOnline(user);
      await one.unregister(user);
      expect(await backend.registry.claimOffline(user)).toBe(false);
      await two.unregister(user);
      const claims = await Promise.all(Array.from({ length: 8 }, () => backend.registry.claimOffline(user)));
      expect(claims.filter(Boolean)).toHaveLength(1);
    });

    test('a user of a dead instance can be claimed offline before and after it is reaped', async () => {
      const [lease, early, late] = [await openLease(), uniqueUser('u'), uniqueUser('u')];
      for (const user of [early, late]) {
        await lease.register(user);
        await backend.registry.claimOnline(user);
      }
      await backend.expire(lease);
      expect(await backend.registry.claimOffline(early)).toBe(true);
      await backend.registry.reapExpired();
      expect(await backend.registry.claimOffline(late)).toBe(true);
      expect(await backend.registry.claimOffline(early)).toBe(false);
    });

    test('after offline, the next connection is announced again', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      for (let round = 0; round < 2; round++) {
        await lease.register(user);
        expect(await backend.registry.claimOnline(user)).toBe(true);
        await lease.unregister(user);
        expect(await backend.registry.claimOffline(user)).toBe(true);
      }
    });

    test('a check comes until it is settled, and one that was scheduled anew survives the settling of the former', async () => {
      const [user, now] = [uniqueUser('u'), Date.now()];
      await backend.registry.scheduleOfflineCheck(user, now);
      expect(await backend.registry.dueOfflineChecks(now - 1, 10_000)).not.toContain(user);
      expect(await backend.registry.dueOfflineChecks(now, 10_000)).toContain(user);
      expect(await backend.registry.dueOfflineChecks(now, 10_000)).toContain(user);
      await backend.registry.scheduleOfflineCheck(user, now + 5_000);
      await backend.registry.settleOfflineCheck(user, now + 1);
      expect(await backend.registry.dueOfflineChecks(now + 5_000, 10_000)).toContain(user);
      await backend.registry.settleOfflineCheck(user, now + 5_000);
      expect(await backend.registry.dueOfflineChecks(now + 9_000, 10_000)).not.toContain(user);
    });

    test('gives no more checks than asked for', async () => {
      for (let i = 0; i < 5; i++) await backend.registry.scheduleOfflineCheck(uniqueUser('u'), Date.now() - 1_000);
      expect(await backend.registry.dueOfflineChecks(Date.now(), 3)).toHaveLength(3);
    });

    test('a registration that races with a reincarnation ends in the new instance', async () => {
      const [lease, held, late] = [await openLease(), uniqueUser('held'), uniqueUser('late')];
      await lease.register(held);
      await Promise.all([lease.reincarnate([held]), lease.register(late)]);
      const found = await backend.registry.instancesOf([held, late]);
      expect(found.get(held)).toEqual([lease.instance]);
      expect(found.get(late)).toEqual([lease.instance]);
    });

    test('an unregistration that races with a reincarnation is not undone by it', async () => {
      const [lease, user] = [await openLease(), uniqueUser('u')];
      await lease.register(user);
      await Promise.all([lease.reincarnate([user]), lease.unregister(user)]);
      expect(await backend.registry.onlineAmong([user])).toEqual(new Set());
    });
  });
}
