import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './statistics.ts';

/** How many of `total` things are due after `elapsedMs` at `perSecond`; the first at once. */
export const dueAfter = (elapsedMs: number, perSecond: number, total: number): number =>
  Math.min(total, Math.floor((elapsedMs * perSecond) / 1_000) + 1);

/**
 * Does something `total` times at a fixed rate, whatever the answers do (an open loop: a slow system does not slow the offer down).
 * @param act gets the index and when it was due (ms, `performance.now`)
 * @returns how late the generator was, 99th percentile, milliseconds
 */
export async function pace(
  perSecond: number,
  total: number,
  act: (index: number, dueAt: number) => void,
): Promise<number> {
  const startedAt = performance.now();
  const late: number[] = [];
  while (late.length < total) {
    const now = performance.now();
    const due = dueAfter(now - startedAt, perSecond, total);
    for (let i = late.length; i < due; i++) {
      const dueAt = startedAt + (i * 1_000) / perSecond;
      act(i, dueAt);
      late.push(now - dueAt);
    }
    await sleep(1);
  }
  return percentile(late, 0.99);
}
