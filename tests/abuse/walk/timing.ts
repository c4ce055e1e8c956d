import { percentile } from '../../faults/figures.ts';
import { createRandom, type Random } from '../../faults/random.ts';

/** Times of one round, in milliseconds: each way of asking twice, in an order of chance. */
export interface Round {
  foreign: [number, number];
  unknown: [number, number];
}

export interface Difference {
  /** Foreign less unknown, at the median of the pairs. */
  ms: number;
  /** What the same comparison gives, by chance alone, in all but one of a thousand cases. */
  noiseMs: number;
  withinNoise: boolean;
}

/** How often the noise is drawn. */
const DRAWS = 2_000;
/** Share of the draws within the bound. */
const CONFIDENCE = 0.999;
/**
 * Milliseconds that are no difference, however surely measured. Source: a tenth of what a request's way over a network varies by, so that nobody
 * tells it from outside; a row that is read and left out costs some 50 µs more than one that is not there.
 */
const NEGLIGIBLE_MS = 0.25;

/** Takes rounds in which neither way comes first more often than the other. */
export async function takeRounds(
  count: number,
  ask: Record<keyof Round, () => Promise<number>>,
  random: Random,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < count; i++) {
    const times: Record<keyof Round, number[]> = { foreign: [], unknown: [] };
    for (const way of random.shuffle(['foreign', 'foreign', 'unknown', 'unknown'] as const)) {
      times[way].push(await ask[way]());
    }
    rounds.push(times as unknown as Round);
  }
  return rounds;
}

/**
 * Compares the two ways by the medians of their pairs, with what two of the same way differ by in the same rounds: whatever else the machine did
 * is in both. Under no difference the pairs of unlike and of like ways are drawn from the same thing.
 */
export function compareTimes(rounds: readonly Round[], seed: number): Difference {
  const random = createRandom(seed);
  const unlike = rounds.flatMap(({ foreign, unknown }) => [foreign[0] - unknown[0], foreign[1] - unknown[1]]);
  const alike = rounds.flatMap(({ foreign, unknown }) => [foreign[0] - foreign[1], unknown[0] - unknown[1]]);
  const ms = percentile(unlike, 0.5);
  const medians = Array.from({ length: DRAWS }, () => {
    // of either sign: which of two of the same way came first says nothing
    const drawn = unlike.map(() => random.pick(alike) * (random.next() < 0.5 ? -1 : 1));
    return Math.abs(percentile(drawn, 0.5));
  });
  const noiseMs = percentile(medians, CONFIDENCE);
  return { ms, noiseMs, withinNoise: Math.abs(ms) <= Math.max(noiseMs, NEGLIGIBLE_MS) };
}
