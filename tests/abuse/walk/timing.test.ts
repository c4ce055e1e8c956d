import { expect, test } from 'vitest';
import { createRandom } from '../../faults/random.ts';
import { compareTimes, type Round, takeRounds } from './timing.ts';

/** Answers of about 2 ms with the long tail that a busy machine gives them. */
function machine(seed: number, extraForForeign: number) {
  const random = createRandom(seed);
  const time = () => 2 + random.next() * 0.6 + (random.next() < 0.1 ? random.next() * 30 : 0);
  return { foreign: async () => time() + extraForForeign, unknown: async () => time() };
}

const verdicts = async (extraForForeign: number, seeds: number) => {
  const within = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const rounds = await takeRounds(40, machine(seed, extraForForeign), createRandom(seed));
    within.push(compareTimes(rounds, seed).withinNoise);
  }
  return within;
};

test('what takes as long is within noise, however long the tail', async () => {
  expect(await verdicts(0, 60)).not.toContain(false);
});

test('half a millisecond is found, and its opposite as well', async () => {
  expect(await verdicts(0.5, 30)).not.toContain(true);
  expect(await verdicts(-0.5, 30)).not.toContain(true);
});

test('less than anybody can tell from outside is no difference', async () => {
  const steady: Round[] = Array.from({ length: 40 }, () => ({ foreign: [2.1, 2.1], unknown: [2, 2] }));
  const difference = compareTimes(steady, 1);
  expect(difference).toMatchObject({ noiseMs: 0, withinNoise: true });
  expect(difference.ms).toBeCloseTo(0.1);
});

test('a machine that gets slower meanwhile is not taken for a difference', async () => {
  let n = 0;
  const slower = async () => 2 + n++ * 0.01;
  const rounds = await takeRounds(40, { foreign: slower, unknown: slower }, createRandom(3));
  expect(compareTimes(rounds, 3).withinNoise).toBe(true);
});
