import { expect, test } from 'vitest';
import { changeMark, markBefore } from './change-marks.ts';

test('marks sort by the time they were made, over every number of digits', () => {
  const times = [0, 35, 36, 1_295, 1_700_000_000_000, Date.now(), Date.now() + 1].map((ms) => new Date(ms));
  const marks = times.map((at) => changeMark(at, 'zz'));
  expect(marks.toSorted()).toEqual(marks);
});

test('a bound sorts after every earlier mark and before every later one', () => {
  const at = new Date(1_700_000_000_000);
  expect(changeMark(new Date(at.getTime() - 1), '~~~~') < markBefore(at)).toBe(true);
  expect(changeMark(at, '') > markBefore(at)).toBe(true);
});
