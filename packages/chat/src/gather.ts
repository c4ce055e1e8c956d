import { settledValue } from './settled-value.ts';

export interface GatherOptions<T, R> {
  /** Does the work of several calls at once. @returns an outcome for each, in order; if it throws, all of them fail of that */
  run(items: T[]): Promise<PromiseSettledResult<R>[]>;
  /** Calls in one run at most; where calls have a weight, the weight of one run. */
  size: number;
  /** What a call weighs. 1 if absent. A call that is heavier than `size` is a run by itself. */
  weigh?(item: T): number;
  /** Runs under way for which further calls wait, so that they go together. */
  atOnce: number;
  /** While all that is under way weighs less than this, nothing waits for it, however many runs it is and whenever the last one started: with so little there is little to share. 0 if absent. */
  light?: number;
  /** Milliseconds that a call waits for them at most: one run that hangs holds nobody up. */
  patienceMs: number;
  /**
   * Milliseconds between the starts of two runs at least, while calls come so fast that runs have more than one: what a run costs by itself is then
   * shared by more of them. 0 if absent.
   */
  spacingMs?: number;
  /** When a run need not keep that distance. It always does if absent. */
  sooner?: Sooner;
}

/** Where runs are small, the next one starts as soon as it is worth it: sharing more would only make its calls later. */
export interface Sooner {
  /** Milliseconds between the starts of the two at least. */
  ms: number;
  /** Calls that must be waiting. */
  from: number;
  /** Calls below which the run before must have stayed. */
  below: number;
}

/** A call that waits for its outcome. */
export interface Waiting<T, R> {
  item: T;
  resolve(value: R): void;
  reject(error: unknown): void;
}

/**
 * Makes one function of many calls out of one of single ones. What is called in one turn of the event loop goes together, in the order of the
 * calls; a lone call goes at the end of its turn. Under load calls gather while earlier runs are under way: the more there is to do, the
 * less each costs. Each call has its own outcome.
 */
export function gather<T, R>(options: GatherOptions<T, R>): (item: T) => Promise<R> {
  const { run, size, weigh = () => 1, atOnce, light = 0, patienceMs, spacingMs = 0, sooner } = options;
  let waiting: Waiting<T, R>[] = [];
  let underWay = 0;
  /** What the calls of all runs under way weigh. */
  let load = 0;
  let scheduled = false;
  let impatience: NodeJS.Timeout | undefined;
  let pause: NodeJS.Timeout | undefined;
  /** When the newest run started, and of how many calls. */
  let startedAt = Number.NEGATIVE_INFINITY;
  let together = 0;

  const start = () => {
    const fitting = countFitting(waiting, size, weigh);
    const batch = waiting.slice(0, fitting);
    waiting = waiting.slice(fitting);
    startedAt = performance.now();
    together = fitting;
    const weight = batch.reduce((sum, { item }) => sum + weigh(item), 0);
    underWay += 1;
    load += weight;
    void settleAll(batch, run).then(() => {
      underWay -= 1;
      load -= weight;
      startRuns();
    });
  };

  const isLight = () => load < light;
  const mayStart = () => waiting.length > 0 && (underWay < atOnce || isLight());

  const startRuns = () => {
    if (pause && !isLight()) return;
    endPause();
    const earlyMs = mayStart() ? earlyBy() : 0;
    if (earlyMs > 0) {
      stopImpatience();
      pause = setTimeout(afterPause, earlyMs);
      return;
    }
    while (mayStart()) start();
    // It goes on for those who still wait, whatever ended meanwhile.
    if (waiting.length > 0) impatience ??= setTimeout(startAll, patienceMs);
    else stopImpatience();
  };

  const stopImpatience = () => {
    clearTimeout(impatience);
    impatience = undefined;
  };

  /** Milliseconds by which a run now would be too early after the one before. */
  const earlyBy = () =>
    spacingMs > 0 && !isLight() && (together > 1 || waiting.length > 1)
      ? startedAt + distanceMs() - performance.now()
      : 0;

  const distanceMs = () => (sooner && together < sooner.below && waiting.length >= sooner.from ? sooner.ms : spacingMs);

  /** What has just come may be what makes a run worth it before its time. */
  const endPauseIfEnough = () => {
    if (!pause || waiting.length !== sooner?.from || together >= sooner.below) return;
    endPause();
  };

  const endPause = () => {
    clearTimeout(pause);
    pause = undefined;
  };

  const afterPause = () => {
    pause = undefined;
    // A timer may come a little early.
    startedAt = Number.NEGATIVE_INFINITY;
    startRuns();
  };

  const startAll = () => {
    // Whoever comes next waits for a patience of their own, not for what hangs.
    impatience = undefined;
    while (waiting.length > 0) start();
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      endPauseIfEnough();
      if (scheduled || impatience || pause) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        startRuns();
      });
    });
}

/** How many of the first ones make a run: one at least. */
function countFitting<T, R>(waiting: readonly Waiting<T, R>[], size: number, weigh: (item: T) => number): number {
  let weight = 0;
  const over = waiting.findIndex(({ item }) => {
    weight += weigh(item);
    return weight > size;
  });
  return over < 0 ? waiting.length : Math.max(1, over);
}

/** Does the work of calls, and tells each its outcome. Never throws. */
export async function settleAll<T, R>(
  batch: readonly Waiting<T, R>[],
  run: (items: T[]) => Promise<PromiseSettledResult<R>[]>,
): Promise<void> {
  try {
    const outcomes = await run(batch.map(({ item }) => item));
    batch.forEach(({ resolve, reject }, index) => {
      try {
        resolve(settledValue(outcomes[index]));
      } catch (error) {
        reject(error);
      }
    });
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
