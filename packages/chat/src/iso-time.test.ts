import { expect, test } from 'vitest';
import { isoTime } from './iso-time.ts';

test('is what the date says, whatever was asked before', () => {
  const dates = [0, 0, 1, 1_700_000_000_123, 1_700_000_000_123, 0, -1].map((ms) => new Date(ms));
  expect(dates.map(isoTime)).toEqual(dates.map((date) => date.toISOString()));
});

test('a date that is none is an error, and the next one is not', () => {
  isoTime(new Date(5));
  expect(() => isoTime(new Date(Number.NaN))).toThrow(RangeError);
  expect(isoTime(new Date(5))).toBe('1970-01-01T00:00:00.005Z');
});
