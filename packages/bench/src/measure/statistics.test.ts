import { describe, expect, it } from 'vitest';
import { median, percentile } from './statistics.ts';

describe('median', () => {
  it('is the middle of an odd number of values, in whatever order they come', () => {
    expect(median([9, 1, 5])).toBe(5);
  });
  it('is between the two middle ones of an even number', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });
  it('is not moved by one wild value', () => {
    expect(median([1, 1, 1, 1, 1_000_000])).toBe(1);
  });
  it('does not exist without values', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('percentile', () => {
  const oneToHundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  it('takes the value at the rank', () => {
    expect(percentile(oneToHundred, 0.99)).toBe(99);
    expect(percentile(oneToHundred, 0.5)).toBe(50);
    expect(percentile(oneToHundred, 1)).toBe(100);
  });
  it('is the only value where there is one', () => {
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([7], 0)).toBe(7);
  });
  it('is endless where a part was never received', () => {
    expect(percentile([1, 2, Number.POSITIVE_INFINITY], 0.99)).toBe(Number.POSITIVE_INFINITY);
  });
});
