import { expect, it } from 'vitest';
import { createConnectionLimits } from './connection-limits.ts';

const limits = (now = () => 0) =>
  createConnectionLimits({ maxPerUser: 2, maxPerAddress: 3, handshakesPerSecond: 5, now });

it('counts the connections of an address, and an IPv6 /64 as one', () => {
  const one = limits();
  const leave = [1, 2, 3].map((n) => one.openAddress(`2001:db8::${n}`));
  expect(one.admit('2001:db8::ffff')).toBe(false);
  expect(one.admit('2001:db8:0:1::1')).toBe(true);
  leave[0]?.();
  leave[0]?.();
  expect(one.admit('2001:db8::ffff')).toBe(true);
});

it('counts handshakes per second and address', () => {
  let now = 0;
  const one = limits(() => now);
  const admitted = () => Array.from({ length: 20 }, () => one.admit('203.0.113.1')).filter(Boolean).length;
  expect(admitted()).toBe(10);
  now += 1_000;
  expect(admitted()).toBe(5);
  expect(one.admit('203.0.113.2')).toBe(true);
});

it('counts the sockets of a user', () => {
  const one = limits();
  const leave = one.openUser('ann');
  one.openUser('ann');
  expect(() => one.openUser('ann')).toThrow('too many connections');
  leave();
  leave();
  one.openUser('ann');
  expect(() => one.openUser('ann')).toThrow('too many connections');
});
