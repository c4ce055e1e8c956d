import { expect, it } from 'vitest';
import { isDeeperThan, isLargerThan } from './json-depth.ts';

const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

it.each([
  [1, 0, true],
  [8, 8, false],
  [9, 8, true],
  [4_000, 8, true],
])('%i levels against %i: %s', (depth, limit, deeper) => {
  expect(isDeeperThan(nested(depth), limit)).toBe(deeper);
});

it('takes scalars, null and buffers for leaves', () => {
  for (const leaf of [1, 'x', null, undefined, true, Buffer.alloc(10)]) expect(isDeeperThan(leaf, 0)).toBe(false);
});

it('counts elements and fields at all depths', () => {
  const value = { a: [1, 2, { b: 3 }], c: 'text', d: Buffer.alloc(100) };
  expect([isLargerThan(value, 6), isLargerThan(value, 7), isLargerThan('text', 0)]).toEqual([true, false, false]);
  expect(isLargerThan(nested(4_000), 3_999)).toBe(true);
});
