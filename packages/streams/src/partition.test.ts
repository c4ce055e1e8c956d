import { expect, test } from 'vitest';
import { partitionOf } from './partition.ts';

// Written down, because services of different versions run side by side: a change would split a conversation over two partitions.
test('an id keeps its partition from version to version', () => {
  const ids = ['alice', 'bob', '000000000000000000000001', 'ü☃'];
  expect(ids.map((id) => partitionOf(id, 4))).toEqual([3, 0, 1, 2]);
  expect(ids.map((id) => partitionOf(id, 7))).toEqual([5, 2, 0, 0]);
});

test('ids spread evenly', () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4_000; i++) {
    const partition = partitionOf(i.toString(16).padStart(24, '0'), 4);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
