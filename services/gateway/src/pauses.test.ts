import { expect, it } from 'vitest';
import { Pauses } from './pauses.ts';

it('sleeps as long as it is told', async () => {
  const pauses = new Pauses();
  const startedAt = performance.now();
  await pauses.sleep(30);
  expect(performance.now() - startedAt).toBeGreaterThan(25);
});

it('wakes all who sleep when it ends, and lets nobody sleep after that', async () => {
  const pauses = new Pauses();
  const sleeping = [pauses.sleep(60_000), pauses.sleep(60_000)];
  pauses.end();
  await Promise.all([...sleeping, pauses.sleep(60_000)]);
  expect(pauses.ended).toBe(true);
});
