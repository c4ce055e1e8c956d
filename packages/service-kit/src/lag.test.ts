import { afterEach, expect, it } from 'vitest';
import { createLagProbe, type LagProbe } from './lag.ts';

let probe: LagProbe;
afterEach(() => probe.close());

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it('reports overload while every turn is long, and recovers', async () => {
  probe = createLagProbe({ thresholdMs: 60, windowMs: 200 });
  const busy = setInterval(() => block(150), 1);
  await expect.poll(() => probe.overloaded(), { timeout: 5_000 }).toBe(true);
  expect(probe.maxMs()).toBeGreaterThan(100);
  clearInterval(busy);
  await expect.poll(() => probe.overloaded(), { timeout: 5_000 }).toBe(false);
});

it('does not take one long turn for an overload', async () => {
  probe = createLagProbe({ thresholdMs: 150, windowMs: 1_000 });
  // The probe measures from one look to the next: it needs a first one.
  setTimeout(() => block(300), 50);
  await expect.poll(() => probe.maxMs(), { timeout: 5_000 }).toBeGreaterThan(200);
  expect(probe.overloaded()).toBe(false);
});

it('does not count what was before a reset', async () => {
  probe = createLagProbe({ thresholdMs: 60, windowMs: 200 });
  const busy = setInterval(() => block(150), 1);
  await expect.poll(() => probe.overloaded(), { timeout: 5_000 }).toBe(true);
  clearInterval(busy);
  probe.reset();
  expect(probe.overloaded()).toBe(false);
  expect(probe.maxMs()).toBe(0);
});
