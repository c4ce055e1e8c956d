import { expect, test } from 'vitest';
import { createRandom } from '../random.ts';
import { compareWindows, type WindowPair } from './compared-windows.ts';

/** Pairs of windows of a machine that is slower in some of them, with faulty ones slower by a factor. */
function windows(factor: number, seed: number): WindowPair[] {
  const random = createRandom(seed);
  return Array.from({ length: 6 }, () => {
    const slowness = 1 + random.next();
    const window = (by: number) =>
      Array.from({ length: 1_000 }, () => by * slowness * (5 + (random.next() < 0.05 ? 20 * random.next() : 0)));
    return { calm: window(1), faulty: window(factor) };
  });
}

test('what is no slower is near 1, what is slower by half is seen, and both say how sure that is', () => {
  const [same, slower] = [compareWindows(windows(1, 4), 1), compareWindows(windows(1.5, 4), 1)];
  expect(same.ratio).toBeGreaterThan(0.9);
  expect(same.ratio).toBeLessThan(1.1);
  expect(same.interval[0]).toBeLessThan(1);
  expect(same.interval[1]).toBeGreaterThan(1);
  expect(slower.interval[0]).toBeGreaterThan(1.1);
  expect(slower.samples).toBe(6_000);
});

test('both sides have as many figures', () => {
  const { samples, calmP99, faultyP99 } = compareWindows([{ calm: [1, 1, 9], faulty: [2, 2] }], 1);
  expect({ samples, calmP99, faultyP99 }).toEqual({ samples: 2, calmP99: 1, faultyP99: 2 });
});
