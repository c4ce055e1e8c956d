import { expect, it } from 'vitest';
import { highestHeld } from './highest-rate.ts';

const capacity = (most: number) => {
  const tried: number[] = [];
  const isHeld = async (rate: number) => {
    tried.push(rate);
    return rate <= most;
  };
  return { tried, isHeld };
};

it('goes up from a rate that is held, to the last that is', async () => {
  const { isHeld } = capacity(1_000);
  const rate = await highestHeld(300, isHeld);
  expect(rate).toBeLessThanOrEqual(1_000);
  expect(rate * 1.2).toBeGreaterThan(1_000);
});

it('goes down from one that is not, to the first that is, and no further', async () => {
  const { isHeld, tried } = capacity(100);
  const rate = await highestHeld(300, isHeld);
  expect(rate).toBeLessThanOrEqual(100);
  expect(rate * 1.2).toBeGreaterThan(100);
  expect(tried.at(-1)).toBe(rate);
});

it('is nothing where nothing is held', async () => {
  expect(await highestHeld(300, async () => false)).toBe(0);
});
