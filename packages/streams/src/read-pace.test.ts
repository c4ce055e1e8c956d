import { expect, it } from 'vitest';
import { ReadPace } from './read-pace.ts';

/** Reads of a stream to which an event comes every `everyMs`, for a second, as a reader does them that keeps to the pauses. */
function readsOf(everyMs: number): { pause: number; events: number }[] {
  let now = 1_000;
  const pace = new ReadPace(() => now);
  const reads: { pause: number; events: number }[] = [];
  for (let seen = 0; now < 2_000; ) {
    const come = Math.floor((now - 1_000) / everyMs);
    if (come === seen) {
      now += everyMs / 4;
      continue;
    }
    const events = come - seen;
    const pause = pace.after(events, events);
    reads.push({ pause, events });
    seen = come;
    now += pause;
  }
  return reads;
}

it('reads at once what comes now and then, however regularly', () => {
  for (const everyMs of [100, 20, 10]) expect(Math.max(...readsOf(everyMs).map(({ pause }) => pause))).toBe(0);
});

it('does not take a few events in a row for load', () => {
  let now = 10_000;
  const pace = new ReadPace(() => now);
  for (let i = 0; i < 5; i++) {
    expect(pace.after(2, 2)).toBe(0);
    now += 1;
  }
  now += 60_000;
  expect(pace.after(100, 100)).toBe(0);
});

it('pauses under load until several events are there, never longer than 30 ms', () => {
  const steady = (everyMs: number) => readsOf(everyMs).at(-2) as { pause: number; events: number };
  expect(steady(4)).toEqual({ pause: 30, events: expect.closeTo(7.5, -0.5) });
  expect(steady(1).pause).toBeCloseTo(8, -0.5);
  expect(steady(1).events).toBeGreaterThanOrEqual(7);
  expect(steady(0.1).pause).toBe(6);
  expect(steady(0.1).events).toBeGreaterThanOrEqual(55);
});

it('reads at once again when the load is over', () => {
  let now = 0;
  const pace = new ReadPace(() => now);
  for (let i = 0; i < 100; i++) {
    pace.after(10, 10);
    now += 10;
  }
  now += 300;
  expect(pace.after(1, 1)).toBe(0);
});

it('reads at once what comes packed, and pauses for packs only where they are many', () => {
  let now = 0;
  const pace = new ReadPace(() => now);
  const pauses = (everyMs: number) =>
    Array.from({ length: 100 }, () => {
      now += everyMs;
      return pace.after(1, 5);
    });
  expect(Math.max(...pauses(10))).toBe(0);
  expect(pauses(2).at(-1)).toBe(6);
});

it('reads more of them at once the more events they have', () => {
  const pauseOf = (everyMs: number, events: number) => {
    let now = 0;
    const pace = new ReadPace(() => now);
    return Array.from({ length: 100 }, () => {
      now += everyMs;
      return pace.after(1, events);
    }).at(-1);
  };
  expect(pauseOf(5, 1)).toBeGreaterThan(0);
  expect(pauseOf(5, 2)).toBe(0);
  expect(pauseOf(3, 2)).toBeGreaterThan(0);
  expect(pauseOf(3, 3)).toBe(0);
});
