/** Makes one scan of the branches of an $or that use the same index: their ranges in order, without overlaps. */
import type { IndexPlan } from './planner.ts';
import type { ScanRange } from './scan-ranges.ts';

/** The plans as one, or undefined where they differ in more than their ranges. */
export function joinPlans(plans: readonly IndexPlan[]): IndexPlan | undefined {
  const [first] = plans;
  if (!first || plans.some((plan) => plan.index !== first.index || plan.residual !== first.residual)) return undefined;
  return {
    ...first,
    ranges: withoutOverlaps(plans.flatMap((plan) => plan.ranges)),
    reverse: false,
    merge: false,
    // in one range each document comes once, and the ranges are apart; only an array has keys in several
    dedupe: first.index.multikey.some(Boolean),
    sorted: false,
  };
}

function withoutOverlaps(ranges: readonly ScanRange[]): ScanRange[] {
  const joined: ScanRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.lower.compare(b.lower))) {
    const last = joined.at(-1);
    if (!last || last.upper.compare(range.lower) < 0) joined.push(range);
    else if (last.upper.compare(range.upper) < 0)
      joined[joined.length - 1] = { ...last, upper: range.upper, whole: false };
  }
  return joined;
}
