import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LagProbe {
  /** How much longer than it should the event loop took per turn, on average over the last window; milliseconds. */
  meanMs(): number;
  /** The worst turn of the last window, milliseconds. */
  maxMs(): number;
  /** New work is better refused (OVERLOADED): what is accepted now waits longer than callers do. */
  overloaded(): boolean;
  /** Forgets what was measured: the start of a process, which blocks it for long, is no overload. */
  reset(): void;
  close(): void;
}

export interface LagProbeOptions {
  /** Mean delay from which the process counts as overloaded, milliseconds. */
  thresholdMs?: number;
  /** Length of a window, milliseconds. */
  windowMs?: number;
}

/** Milliseconds between two looks at the loop. */
const RESOLUTION_MS = 10;
/** Source: half of the 500 ms from which a chat feels slow; a single long turn does not lift the mean of a second that far. */
const THRESHOLD_MS = 250;

/** Measures event loop delay. The mean counts, not the worst turn: one long collection of garbage is not an overload. */
export function createLagProbe({ thresholdMs = THRESHOLD_MS, windowMs = 1_000 }: LagProbeOptions = {}): LagProbe {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let window = { mean: 0, max: 0 };
  const timer = setInterval(() => {
    // No sample at all means that the loop was stuck for the whole window and the timer came first.
    if (histogram.count > 0) window = { mean: toDelay(histogram.mean), max: toDelay(histogram.max) };
    histogram.reset();
  }, windowMs);
  timer.unref();
  return {
    meanMs: () => window.mean,
    maxMs: () => window.max,
    overloaded: () => window.mean > thresholdMs,
    reset() {
      histogram.reset();
      window = { mean: 0, max: 0 };
      timer.refresh();
    },
    close() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}

const toDelay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
