import type { Measurement } from './measurement.ts';

/** Share of stolen CPU above which a pair says more of the neighbours than of us. Source: the rule of the benchmark. */
export const MAX_STOLEN = 0.04;
/** Milliseconds that a generator may be behind its plan (99th percentile): beyond it the offered rate was not the one named. */
export const MAX_LATE_MS = 50;

/** Why a measurement is not used, or undefined if it is. */
export function whyDiscarded({ stolen, lateMs, value }: Measurement): string | undefined {
  if (stolen > MAX_STOLEN) return `${(stolen * 100).toFixed(1)}% of the CPU was stolen`;
  if (lateMs > MAX_LATE_MS) return `the generator was ${Math.round(lateMs)} ms late`;
  if (Number.isNaN(value)) return 'nothing was measured';
  return undefined;
}
