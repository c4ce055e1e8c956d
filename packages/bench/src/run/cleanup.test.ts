import { expect, it } from 'vitest';
import { Cleanup, starting } from './cleanup.ts';

it('ends in reverse, all of them, and then says what failed', async () => {
  const ended: number[] = [];
  const cleanup = new Cleanup();
  cleanup.own(1, (n) => ended.push(n));
  cleanup.own(2, () => Promise.reject(new Error('stuck')));
  cleanup.own(3, (n) => ended.push(n));
  await expect(cleanup.run()).rejects.toThrow('stuck');
  expect(ended).toEqual([3, 1]);
});

it('ends what was started when a later part does not start', async () => {
  const ended: string[] = [];
  const start = starting(async (cleanup) => {
    cleanup.own('first', (name) => ended.push(name));
    throw new Error('second does not start');
  });
  await expect(start).rejects.toThrow('second does not start');
  expect(ended).toEqual(['first']);
});
