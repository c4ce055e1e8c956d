import { expect, it } from 'vitest';
import { parseArguments as parseAbuseArguments } from '../abuse/arguments.ts';
import { allRowIds as allAbuseRowIds } from '../abuse/runner.ts';
import { parseArguments } from './arguments.ts';
import { parseRowNumbers } from './row-numbers.ts';
import { allRows } from './rows/index.ts';

it.each(['5', '4,5', 'four', '1.5', '-1', '0', 'Infinity', '4;6'])(
  'refuses --rows %s, and names the rows there are',
  (text) => {
    expect(() => parseRowNumbers(text, [6, 1, 4])).toThrow(/^--rows: there is no row .*; there are 1, 4, 6$/);
  },
);

it('takes the rows that are named, each once; none of them means all', () => {
  expect(parseRowNumbers('4, 1,4,', [6, 1, 4])).toEqual([4, 1]);
  expect(parseRowNumbers('', [6, 1, 4])).toEqual([]);
});

it('refuses a row of the fault suite that does not exist, and takes each that does', () => {
  const known = allRows.map(({ id }) => id);
  expect(() => parseArguments(['--rows', '5'], known)).toThrow(`there is no row 5; there are ${known.join(', ')}`);
  expect(parseArguments(['--rows', known.join()], known).rows).toEqual(known);
});

it('refuses a row of the abuse suite that does not exist, and takes each that does', () => {
  expect(() => parseAbuseArguments(['--rows', '31,40'], allAbuseRowIds)).toThrow(
    'there is no row 40; there are 25, 26',
  );
  expect(parseAbuseArguments(['--rows', allAbuseRowIds.join()], allAbuseRowIds).rows).toEqual(allAbuseRowIds);
  expect(allAbuseRowIds).toContain(39);
});
