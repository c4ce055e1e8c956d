import { expect, test } from 'vitest';
import { densePrefix, formatCursor, parseCursor } from './sync-cursor.ts';

const rows = (...seqs: number[]) => seqs.map((seq) => ({ seq }));

test('a page ends before the first missing seq', () => {
  expect(densePrefix(rows(5, 6, 7), 4)).toBe(3);
  expect(densePrefix(rows(5, 7, 8), 4)).toBe(1);
  expect(densePrefix(rows(6, 7), 4)).toBe(0);
  expect(densePrefix([], 4)).toBe(0);
});

test('a cursor survives its own text', () => {
  const cursor = { seq: 12, changeSeq: 3, marks: 20 };
  expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
  expect(parseCursor('0.0.0')).toEqual({ seq: 0, changeSeq: 0, marks: 0 });
});
