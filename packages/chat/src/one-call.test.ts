import { expect, it } from 'vitest';
import { OneCall } from './one-call.ts';

it('makes one call of what was added, in order, and gives each its own outcome', async () => {
  const calls: number[][] = [];
  const call = new OneCall<number, number>(async (items) => {
    calls.push(items);
    return items.map((n) =>
      n === 2 ? { status: 'rejected', reason: new Error('only me') } : { status: 'fulfilled', value: n * 10 },
    );
  });
  const added = Promise.allSettled([call.add(1), call.add(2), call.add(3)]);
  expect(calls).toEqual([]);
  call.go();
  expect(calls).toEqual([[1, 2, 3]]);
  expect(await added).toEqual([
    { status: 'fulfilled', value: 10 },
    { status: 'rejected', reason: new Error('only me') },
    { status: 'fulfilled', value: 30 },
  ]);
});

it('fails all of a call that fails, and makes none for nothing', async () => {
  let made = 0;
  const call = new OneCall<number, number>(async () => {
    made += 1;
    throw new Error('away');
  });
  call.go();
  expect(made).toBe(0);
  const added = call.add(1);
  call.go();
  await expect(added).rejects.toThrow('away');
});
