import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { createKeys } from './keys.ts';

// The function by which Redis Cluster clients find the slot of a key; ioredis brings it along.
const slotOf = createRequire(createRequire(import.meta.url).resolve('ioredis'))('cluster-key-slot') as (
  key: string,
) => number;

test.each(['alice', '}', '{}', '}{', 'a{b}c', '%7b', 'ü ☃'])(
  'keys that are used together are in one slot: %s',
  (id) => {
    const keys = createKeys('p');
    expect(slotOf(keys.userInstances(id))).toBe(slotOf(keys.userAnnounced(id)));
    expect(slotOf(keys.instanceUsers(id))).toBe(slotOf(keys.inbox(id)));
  },
);

test('a partition and its dead letters are in one slot, as are leases and checks, and revocations and their channel', () => {
  const keys = createKeys('p');
  expect(slotOf(keys.receipts(3))).toBe(slotOf(keys.deadLetters(3)));
  expect(slotOf(keys.leases)).toBe(slotOf(keys.offlineChecks));
  expect(slotOf(keys.revocations)).toBe(slotOf(keys.revocationsChannel));
});

test('ids that differ have keys that differ', () => {
  const { userInstances } = createKeys('p');
  const ids = ['a', '{a}', '%7ba%7d', 'a}', '{a'];
  expect(new Set(ids.map(userInstances)).size).toBe(ids.length);
});

test('prefixes keep deployments apart, and may not touch the slots', () => {
  expect(createKeys('one').leases).not.toBe(createKeys('two').leases);
  expect(() => createKeys('{x}')).toThrow('braces');
});
