import { expect, it } from 'vitest';
import { RequestCounts, type SharedCounts } from './request-counts.ts';

/** What Redis does, for several processes of one test. */
function sharedCounts() {
  const counts = new Map<string, number>();
  const state = { calls: 0, away: false };
  const shared: SharedCounts = {
    async add(uses) {
      state.calls += 1;
      if (state.away) throw new Error('away');
      return uses.map(({ key, count }) => {
        counts.set(key, (counts.get(key) ?? 0) + count);
        return { count: counts.get(key) ?? 0, leftMs: 30_000 };
      });
    },
  };
  return { shared, state, counts };
}
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const processOf = (shared: SharedCounts | undefined, limit: number, now?: () => number) =>
  new RequestCounts({ limit, windowMs: 60_000, shared, onAway: () => {}, ...(now && { now }) });

it('counts at once, by address, and begins anew when the window is over', () => {
  let now = 0;
  const counts = processOf(undefined, 10, () => now);
  expect(counts.add('a')).toEqual({ current: 1, ttl: 60_000 });
  now = 20_000;
  expect(counts.add('a')).toEqual({ current: 2, ttl: 40_000 });
  expect(counts.add('b', 3).current).toBe(3);
  now = 60_000;
  expect(counts.add('a')).toEqual({ current: 1, ttl: 60_000 });
});

it('knows what other processes counted, a hundredth of the limit late', async () => {
  const { shared, state } = sharedCounts();
  const [one, two] = [processOf(shared, 1_000), processOf(shared, 1_000)];
  for (let i = 0; i < 10; i++) one.add('a');
  await settled();
  expect(state.calls).toBe(1);
  for (let i = 0; i < 10; i++) two.add('a');
  await settled();
  expect(two.add('a')).toMatchObject({ current: 21, ttl: expect.any(Number) });
  expect(two.add('a').ttl).toBeLessThanOrEqual(30_000);
});

it('settles what is less than that within a moment', async () => {
  const { shared, counts, state } = sharedCounts();
  const one = processOf(shared, 1_000);
  one.add('a');
  one.add('b');
  expect(state.calls).toBe(0);
  await expect.poll(() => Object.fromEntries(counts), { timeout: 2_000 }).toEqual({ a: 1, b: 1 });
  expect(state.calls).toBe(1);
});

it('keeps the limit for itself while the others are away, and then tells them what came since: what was told without an answer is not told again', async () => {
  const { shared, counts, state } = sharedCounts();
  let now = 0;
  const one = processOf(shared, 3, () => now);
  state.away = true;
  for (let i = 0; i < 4; i++) one.add('a');
  await settled();
  expect(one.add('a').current).toBe(5);
  expect(state.calls).toBe(1);
  state.away = false;
  now = 1_000;
  one.add('a');
  await settled();
  expect(counts.get('a')).toBe(5);
});

it('sparing: a key that is used little is not settled at all, one that is used much is as before', async () => {
  const { shared, counts, state } = sharedCounts();
  const options = { limit: 1_000, windowMs: 60_000, shared, sparing: true, onAway: () => {} };
  const [one, two] = [new RequestCounts(options), new RequestCounts(options)];
  for (let user = 0; user < 100; user++) for (let i = 0; i < 9; i++) one.add(`user-${user}`);
  for (let i = 0; i < 10; i++) one.add('busy');
  await expect.poll(() => Object.fromEntries(counts)).toEqual({ busy: 10 });
  // another one, which is not sparing, shows that the time for it has passed
  const other = processOf(shared, 1_000);
  other.add('other');
  await expect.poll(() => counts.has('other'), { timeout: 2_000 }).toBe(true);
  expect([state.calls, counts.size]).toEqual([2, 2]);
  for (let i = 0; i < 10; i++) two.add('busy');
  await settled();
  expect(two.add('busy').current).toBe(21);
});
