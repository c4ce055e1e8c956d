import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startWatchdog } from './watchdog.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watch() {
  const state = { stuckMs: 0, told: [] as number[] };
  const stop = startWatchdog({
    stuckMs: () => state.stuckMs,
    limitMs: 40_000,
    onStuck: (ms) => state.told.push(ms),
  });
  return { state, stop };
}

test('tells once of work that stays without a step', () => {
  const { state, stop } = watch();
  vi.advanceTimersByTime(60_000);
  expect(state.told).toEqual([]);
  state.stuckMs = 41_000;
  vi.advanceTimersByTime(20_000);
  expect(state.told).toEqual([41_000]);
  vi.advanceTimersByTime(60_000);
  expect(state.told).toHaveLength(1);
  stop();
});

test('a process that was frozen may make its step first', () => {
  const { state, stop } = watch();
  state.stuckMs = 600_000;
  vi.advanceTimersByTime(10_000);
  state.stuckMs = 0;
  vi.advanceTimersByTime(60_000);
  expect(state.told).toEqual([]);
  stop();
});

test('says nothing after its end', () => {
  const { state, stop } = watch();
  stop();
  state.stuckMs = 600_000;
  vi.advanceTimersByTime(60_000);
  expect(state.told).toEqual([]);
});
