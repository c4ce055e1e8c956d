export interface GatherOptions<T, R> {
  /** Does the work of several calls at once. @returns an outcome for each, in order; if it throws, all of them fail of that */
  run(items: T[]): Promise<PromiseSettledResult<R>[]>;
  /** Calls in one run at most. */
  size: number;
  /** Runs under way for which further calls wait, so that they go together. */
  atOnce: number;
  /** Milliseconds that a call waits for them at most: one run that hangs holds nobody up. */
  patienceMs: number;
}

interface Waiting<T, R> {
  item: T;
  resolve(value: R): void;
  reject(error: unknown): void;
}

/**
 * Makes one function of many calls out of one of single ones. What is called in one turn of the event loop goes together, in the order of the
 * calls; a lone call goes at the end of its turn. Under load calls gather while earlier runs are under way: the more there is to do, the
 * less each costs. Each call has its own outcome.
 */
export function gather<T, R>({ run, size, atOnce, patienceMs }: GatherOptions<T, R>): (item: T) => Promise<R> {
  let waiting: Waiting<T, R>[] = [];
  let underWay = 0;
  let scheduled = false;
  let impatience: NodeJS.Timeout | undefined;

  const start = () => {
    const batch = waiting.slice(0, size);
    waiting = waiting.slice(size);
    underWay += 1;
    void settleAll(batch, run).then(() => {
      underWay -= 1;
      startRuns();
    });
  };

  const startRuns = () => {
    clearTimeout(impatience);
    impatience = undefined;
    while (waiting.length > 0 && underWay < atOnce) start();
    if (waiting.length > 0) impatience = setTimeout(startAll, patienceMs);
  };

  const startAll = () => {
    // Whoever comes next waits for a patience of their own, not for what hangs.
    impatience = undefined;
    while (waiting.length > 0) start();
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (scheduled || impatience) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        startRuns();
      });
    });
}

async function settleAll<T, R>(
  batch: readonly Waiting<T, R>[],
  run: (items: T[]) => Promise<PromiseSettledResult<R>[]>,
): Promise<void> {
  try {
    const outcomes = await run(batch.map(({ item }) => item));
    batch.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index];
      if (outcome?.status === 'fulfilled') resolve(outcome.value);
      else reject(outcome?.reason ?? new Error('a run gave no outcome for one of its calls'));
    });
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
