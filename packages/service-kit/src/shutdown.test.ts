import { expect, it } from 'vitest';
import { createShutdown } from './shutdown.ts';

it('stops intake, then drains, then closes what was opened last first', async () => {
  const shutdown = createShutdown();
  const order: string[] = [];
  const add = (phase: 'stop-intake' | 'drain' | 'close', name: string) =>
    shutdown.add({ name, phase, deadlineMs: 1_000, run: () => void order.push(name) });
  add('close', 'redis');
  add('close', 'server');
  add('drain', 'sockets');
  add('stop-intake', 'listener');
  await shutdown.run();
  expect(order).toEqual(['listener', 'sockets', 'server', 'redis']);
});

it('goes on after a step that throws or hangs, and says which', async () => {
  const shutdown = createShutdown();
  let closed = false;
  const close = () => {
    closed = true;
  };
  shutdown.add({ name: 'hangs', phase: 'drain', deadlineMs: 20, run: () => new Promise(() => {}) });
  shutdown.add({ name: 'throws', phase: 'drain', deadlineMs: 20, run: () => Promise.reject(new Error('broken')) });
  shutdown.add({ name: 'last', phase: 'close', deadlineMs: 20, run: close });
  expect(await shutdown.run()).toEqual({
    failed: [
      { step: 'hangs', reason: 'not done after 20 ms' },
      { step: 'throws', reason: 'broken' },
    ],
  });
  expect(closed).toBe(true);
});

it('runs once, however often it is called', async () => {
  const shutdown = createShutdown();
  let runs = 0;
  const run = () => {
    runs += 1;
  };
  shutdown.add({ name: 'once', phase: 'close', deadlineMs: 100, run });
  await Promise.all([shutdown.run(), shutdown.run()]);
  await shutdown.run();
  expect(runs).toBe(1);
});
