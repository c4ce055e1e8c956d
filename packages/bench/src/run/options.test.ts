import { expect, it } from 'vitest';
import { groups } from '../row.ts';
import { parseOptions } from './options.ts';

it('measures everything with nine pairs unless told otherwise', () => {
  expect(parseOptions([])).toEqual({ only: groups, quick: false, pairs: 9, rows: [] });
});

it('takes groups, rows and the short look', () => {
  expect(parseOptions(['--', '--only', 'gateway,rest', '--quick'])).toEqual({
    only: ['gateway', 'rest'],
    quick: true,
    pairs: 3,
    rows: [],
  });
  expect(parseOptions(['--row', 'a,b', '--pairs', '2'])).toMatchObject({ rows: ['a', 'b'], pairs: 2 });
});

it('refuses what it does not know', () => {
  expect(() => parseOptions(['--only', 'gatway'])).toThrow('no group "gatway"');
  expect(() => parseOptions(['--pairs', 'none'])).toThrow('--pairs');
  expect(() => parseOptions(['--fast'])).toThrow();
});
