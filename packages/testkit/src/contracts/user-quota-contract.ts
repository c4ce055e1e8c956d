import type { GatewayLease, UserQuota } from '@confab/chat';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { uniqueUser } from './fixtures.ts';

export interface UserQuotaBackend {
  /** A gateway whose lease runs. */
  openGateway(gatewayId: string): Promise<{ lease: GatewayLease; quota: UserQuota }>;
  /** Makes the lease run out now, without the gateway noticing. */
  expire(lease: GatewayLease): Promise<void>;
  close(): Promise<void>;
}

/** What every UserQuota must do. */
export function userQuotaContract(name: string, open: () => Promise<UserQuotaBackend>): void {
  describe(`quota of users on ${name}`, () => {
    let backend: UserQuotaBackend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.close());
    const gateway = () => backend.openGateway(uniqueUser('gateway'));

    test('sockets are counted over all gateways, each user for themselves', async () => {
      const [one, two, user, other] = [await gateway(), await gateway(), uniqueUser('u'), uniqueUser('o')];
      expect(await one.quota.takeSockets(user, 2, 3)).toBe(true);
      expect(await two.quota.takeSockets(user, 1, 3)).toBe(true);
      expect(await two.quota.takeSockets(user, 2, 3)).toBe(false);
      expect(await one.quota.takeSockets(user, 3, 3)).toBe(false);
      expect(await two.quota.takeSockets(other, 3, 3)).toBe(true);
      expect(await two.quota.takeSockets(other, 4, 3)).toBe(false);
    });

    test('saying the same again changes nothing; what was refused does not count', async () => {
      const [one, two, user] = [await gateway(), await gateway(), uniqueUser('u')];
      for (let i = 0; i < 3; i++) expect(await one.quota.takeSockets(user, 1, 2)).toBe(true);
      expect(await two.quota.takeSockets(user, 2, 2)).toBe(false);
      expect(await two.quota.takeSockets(user, 1, 2)).toBe(true);
    });

    test('a socket that goes makes room', async () => {
      const [one, two, user] = [await gateway(), await gateway(), uniqueUser('u')];
      await one.quota.takeSockets(user, 1, 1);
      expect(await two.quota.takeSockets(user, 1, 1)).toBe(false);
      await one.quota.setSockets(new Map([[user, 0]]));
      expect(await two.quota.takeSockets(user, 1, 1)).toBe(true);
      await two.quota.setSockets(new Map());
      expect(await one.quota.takeSockets(user, 1, 1)).toBe(false);
    });

    test('a gateway that died makes room', async () => {
      const [one, two, user] = [await gateway(), await gateway(), uniqueUser('u')];
      await one.quota.takeSockets(user, 5, 5);
      expect(await two.quota.takeSockets(user, 1, 5)).toBe(false);
      await backend.expire(one.lease);
      expect(await two.quota.takeSockets(user, 1, 5)).toBe(true);
    });

    test('a new incarnation counts what it says anew, and not twice', async () => {
      const [one, two, user] = [await gateway(), await gateway(), uniqueUser('u')];
      await one.quota.takeSockets(user, 2, 3);
      await one.lease.reincarnate([user]);
      await one.quota.setSockets(new Map([[user, 2]]));
      expect(await two.quota.takeSockets(user, 1, 3)).toBe(true);
      expect(await two.quota.takeSockets(user, 2, 3)).toBe(false);
    });

    test('never more than the limit for gateways that ask at once', async () => {
      const user = uniqueUser('u');
      const gateways = await Promise.all(Array.from({ length: 8 }, gateway));
      const taken = await Promise.all(gateways.map(({ quota }) => quota.takeSockets(user, 1, 5)));
      expect(taken.filter(Boolean)).toHaveLength(5);
    });

    test('events of all gateways come out of one bucket, which flows full again', async () => {
      const [one, two, user] = [await gateway(), await gateway(), uniqueUser('u')];
      const rule = { perSecond: 100, burst: 20 };
      expect(await one.quota.spendEvents(user, 10, rule)).toBe(0);
      const wait = await two.quota.spendEvents(user, 40, rule);
      expect(wait).toBeGreaterThan(200);
      expect(wait).toBeLessThanOrEqual(300);
      await eventually(async () => expect(await one.quota.spendEvents(user, 0, rule)).toBe(0), 2_000);
      expect(await one.quota.spendEvents(uniqueUser('other'), 20, rule)).toBe(0);
    });
  });
}
