import { expect, it } from 'vitest';
import { wayOf } from './ways.ts';

it.each([3, 7])('with %i kinds of fault, each meets each way', (kinds) => {
  const met = Array.from({ length: kinds * 3 }, (_, round) => `${round % kinds} ${wayOf(round, kinds)}`);
  expect(new Set(met).size).toBe(kinds * 3);
});
