import { expect, it } from 'vitest';
import { dueAfter, pace } from './pace.ts';

it('plans the first at once and the others evenly, and no more than asked for', () => {
  expect(dueAfter(0, 1_000, 10)).toBe(1);
  expect(dueAfter(4.9, 1_000, 10)).toBe(5);
  expect(dueAfter(10_000, 1_000, 10)).toBe(10);
});

it('does everything once, in order, not before it is due', async () => {
  const seen: number[] = [];
  const early: number[] = [];
  const startedAt = performance.now();
  await pace(2_000, 100, (index, dueAt) => {
    seen.push(index);
    if (performance.now() < dueAt) early.push(index);
  });
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(early).toEqual([]);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49);
});
