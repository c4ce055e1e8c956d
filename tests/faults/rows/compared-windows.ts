import { percentile } from '../figures.ts';
import { createRandom } from '../random.ts';

/** Figures of one pair of windows, one after the other: without the fault and with it. */
export interface WindowPair {
  calm: number[];
  faulty: number[];
}

export interface Comparison {
  /** Figures on each side. */
  samples: number;
  /** Medians of the windows' p99. */
  calmP99: number;
  faultyP99: number;
  /** Faulty over calm. */
  ratio: number;
  /** Where the ratio is in 19 of 20 cases, were the pairs drawn anew: what a run of this length can tell. */
  interval: [number, number];
}

const DRAWS = 1_000;

/**
 * The p99 of windows with the fault over that of those without, each by its median, with as many figures on either side. Windows alternate, so that what
 * else goes on meets both; a stall of the machine spoils one window and not the median. Pairs are drawn anew as wholes, because figures of one window
 * are not independent of each other.
 */
export function compareWindows(pairs: readonly WindowPair[], seed: number): Comparison {
  const even = pairs.map(({ calm, faulty }) => {
    const count = Math.min(calm.length, faulty.length);
    return { calm: calm.slice(0, count), faulty: faulty.slice(0, count) };
  });
  const random = createRandom(seed);
  const p99 = (list: readonly WindowPair[], side: keyof WindowPair) =>
    percentile(
      list.map((pair) => percentile(pair[side], 0.99)),
      0.5,
    );
  const ratioOf = (list: readonly WindowPair[]) => p99(list, 'faulty') / p99(list, 'calm');
  const ratios = Array.from({ length: DRAWS }, () => ratioOf(even.map(() => random.pick(even))));
  return {
    samples: even.reduce((sum, { calm }) => sum + calm.length, 0),
    calmP99: p99(even, 'calm'),
    faultyP99: p99(even, 'faulty'),
    ratio: ratioOf(even),
    interval: [percentile(ratios, 0.025), percentile(ratios, 0.975)],
  };
}
