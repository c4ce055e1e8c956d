import { expect, test } from 'vitest';
import { ReadSize } from './read-size.ts';

test('short entries are asked for by more and more, up to 500', () => {
  const size = new ReadSize();
  const counts = Array.from({ length: 5 }, () => {
    size.came(300 * size.count, true);
    return size.count;
  });
  expect(counts).toEqual([128, 256, 500, 500, 500]);
});

test('long entries are asked for by as many as are 4 MB', () => {
  const size = new ReadSize();
  size.came(64 * 4 * 42_000, true);
  expect(size.count * 4 * 42_000).toBeLessThanOrEqual(4_000_000);
  expect(size.count).toBeGreaterThan(20);
});

test('where no answer came in time half as many are asked for, and one at least', () => {
  const size = new ReadSize();
  size.failed();
  expect(size.count).toBe(32);
  for (let i = 0; i < 10; i++) size.failed();
  expect(size.count).toBe(1);
});

test('a read that brought all that there was says nothing about how much more would fit', () => {
  const size = new ReadSize();
  size.came(300, false);
  expect(size.count).toBe(64);
});

test('a command that fails is one without an answer, and its failure is the caller’s', async () => {
  const size = new ReadSize();
  expect(await size.watch(async () => 'an answer')).toBe('an answer');
  expect(size.count).toBe(64);
  await expect(size.watch(() => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
  expect(size.count).toBe(32);
});
