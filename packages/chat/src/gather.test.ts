import { afterEach, expect, it, vi } from 'vitest';
import { type GatherOptions, gather } from './gather.ts';

afterEach(() => {
  vi.useRealTimers();
});

const fulfilled = <T>(value: T): PromiseSettledResult<T> => ({ status: 'fulfilled', value });

/** Runs that end when the test says so. */
function held(options: Partial<GatherOptions<number, number>> = {}) {
  const runs: { items: number[]; at: number; end: (outcomes?: PromiseSettledResult<number>[]) => void }[] = [];
  const call = gather<number, number>({
    ...{ size: 100, atOnce: 1, patienceMs: 60_000, ...options },
    run: (items) =>
      new Promise((resolve) =>
        runs.push({
          items,
          at: performance.now(),
          end: (outcomes = items.map((n) => fulfilled(n * 10))) => resolve(outcomes),
        }),
      ),
  });
  return { runs, call, itemsOf: () => runs.map(({ items }) => items) };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

it('runs what is called in one turn together and in order, and gives each its own answer', async () => {
  const { call, runs, itemsOf } = held();
  const calls = [1, 2, 3].map(call);
  await turn();
  expect(itemsOf()).toEqual([[1, 2, 3]]);
  runs[0]?.end();
  expect(await Promise.all(calls)).toEqual([10, 20, 30]);
});

it('lets one fail without its neighbours', async () => {
  const { call, runs } = held();
  const calls = [1, 2].map(call);
  await turn();
  runs[0]?.end([{ status: 'rejected', reason: new Error('only me') }, fulfilled(20)]);
  expect(await Promise.allSettled(calls)).toEqual([
    { status: 'rejected', reason: new Error('only me') },
    fulfilled(20),
  ]);
});

it('fails all of a run that throws, and goes on', async () => {
  let broken = true;
  const call = gather<number, number>({
    ...{ size: 10, atOnce: 1, patienceMs: 60_000 },
    run: async (items) => {
      if (broken) throw new Error('away');
      return items.map(fulfilled);
    },
  });
  await expect(Promise.all([call(1), call(2)])).rejects.toThrow('away');
  broken = false;
  expect(await call(3)).toBe(3);
});

it('gathers while as many runs as are allowed are under way, within the size of one', async () => {
  const { call, runs, itemsOf } = held({ atOnce: 2, size: 3 });
  void call(1);
  await turn();
  void call(2);
  await turn();
  for (const n of [3, 4, 5, 6]) void call(n);
  await turn();
  expect(itemsOf()).toEqual([[1], [2]]);
  runs[0]?.end();
  await turn();
  expect(itemsOf()).toEqual([[1], [2], [3, 4, 5]]);
  runs[1]?.end();
  await turn();
  expect(itemsOf()).toEqual([[1], [2], [3, 4, 5], [6]]);
});

it('waits for nothing while what is under way is light', async () => {
  const { call, runs, itemsOf } = held({ light: 4, weigh: (n) => n });
  for (const n of [1, 2, 5]) {
    void call(n);
    await turn();
  }
  expect(itemsOf()).toEqual([[1], [2], [5]]);
  for (const n of [1, 2]) {
    void call(n);
    await turn();
  }
  runs[0]?.end();
  await turn();
  expect(runs.length).toBe(3);
  runs[2]?.end();
  await turn();
  expect(itemsOf()).toEqual([[1], [2], [5], [1, 2]]);
});

it('does not begin its patience anew when something else ends', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { call, runs, itemsOf } = held({ light: 4, weigh: (n) => n, patienceMs: 60 });
  for (const n of [1, 1, 1, 9, 7]) {
    void call(n);
    await turn();
  }
  for (const run of runs.slice(0, 3)) {
    vi.advanceTimersByTime(19);
    run.end();
    await turn();
  }
  expect(itemsOf()).toEqual([[1], [1], [1], [9]]);
  vi.advanceTimersByTime(3);
  expect(itemsOf()).toEqual([[1], [1], [1], [9], [7]]);
});

it('waits for a run that hangs no longer than its patience', async () => {
  const { call, runs, itemsOf } = held({ patienceMs: 20 });
  void call(1);
  await turn();
  const later = call(2);
  await expect.poll(itemsOf).toEqual([[1], [2]]);
  runs[1]?.end();
  expect(await later).toBe(20);
});

it('has patience anew for what comes while several runs hang', async () => {
  const { call, runs, itemsOf } = held({ patienceMs: 20 });
  for (const n of [1, 2, 3]) {
    void call(n);
    await expect.poll(itemsOf).toHaveLength(n);
  }
  const later = call(4);
  await expect.poll(itemsOf).toEqual([[1], [2], [3], [4]]);
  runs[3]?.end();
  expect(await later).toBe(40);
});

it('weighs what it puts into a run, and lets what is too heavy go alone', async () => {
  const { call, itemsOf } = held({ size: 10, atOnce: 10, weigh: (n) => n });
  for (const n of [4, 6, 1, 30, 9, 1]) void call(n);
  await turn();
  expect(itemsOf()).toEqual([[4, 6], [1], [30], [9, 1]]);
});

it('keeps a distance between runs of several calls, and none between lone ones', async () => {
  const { call, runs, itemsOf } = held({ atOnce: 10, spacingMs: 40 });
  void call(1);
  await turn();
  void call(2);
  await turn();
  expect(itemsOf()).toEqual([[1], [2]]);
  const startedAt = performance.now();
  for (const n of [3, 4]) void call(n);
  await turn();
  expect(runs.length).toBe(2);
  void call(5);
  await expect.poll(itemsOf).toEqual([[1], [2], [3, 4, 5]]);
  void call(6);
  await expect.poll(itemsOf).toEqual([[1], [2], [3, 4, 5], [6]]);
  expect(performance.now() - startedAt).toBeGreaterThan(60);
});

it('keeps no distance while what is under way is light, and gives one up once it is', async () => {
  const { call, runs, itemsOf } = held({ atOnce: 10, light: 4, weigh: (n) => n, spacingMs: 60_000 });
  for (const few of [
    [1, 1],
    [1, 2],
  ]) {
    for (const n of few) void call(n);
    await turn();
  }
  for (const n of [3, 4]) void call(n);
  await turn();
  expect(itemsOf()).toEqual([
    [1, 1],
    [1, 2],
  ]);
  runs[1]?.end();
  await turn();
  expect(itemsOf()).toEqual([
    [1, 1],
    [1, 2],
    [3, 4],
  ]);
});

/** Milliseconds between the start of a run and that of the one before. */
const distanceOf = (runs: readonly { at: number }[], index: number) =>
  (runs[index]?.at ?? Number.NaN) - (runs[index - 1]?.at ?? Number.NaN);

it('keeps less of a distance after a small run, once enough are waiting', async () => {
  const { call, runs, itemsOf } = held({ atOnce: 10, spacingMs: 60_000, sooner: { ms: 30, from: 3, below: 4 } });
  for (const n of [1, 2]) void call(n);
  await turn();
  for (const n of [3, 4]) void call(n);
  await turn();
  void call(5);
  await expect.poll(itemsOf, { timeout: 10_000 }).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(distanceOf(runs, 1)).toBeGreaterThan(28);
});

it('keeps all of it after a large run, and while few are waiting', async () => {
  const { call, runs, itemsOf } = held({ atOnce: 10, spacingMs: 80, sooner: { ms: 10, from: 3, below: 3 } });
  for (const n of [1, 2]) void call(n);
  await turn();
  for (const n of [3, 4]) void call(n);
  await expect.poll(() => runs.length, { timeout: 10_000 }).toBe(2);
  for (const n of [5, 6, 7]) void call(n);
  await expect.poll(() => runs.length, { timeout: 10_000 }).toBe(3);
  for (const n of [8, 9, 10]) void call(n);
  await expect.poll(() => runs.length, { timeout: 10_000 }).toBe(4);
  expect(itemsOf()).toEqual([
    [1, 2],
    [3, 4],
    [5, 6, 7],
    [8, 9, 10],
  ]);
  expect(distanceOf(runs, 1)).toBeGreaterThan(78);
  expect(distanceOf(runs, 3)).toBeGreaterThan(78);
});
