import { parseArgs } from 'node:util';
import { type Group, groups } from '../row.ts';

export interface BenchOptions {
  only: readonly Group[];
  quick: boolean;
  /** Pairs that are kept of each row. */
  pairs: number;
  /** Rows by id; all of the groups if empty. */
  rows: readonly string[];
}

/** Source: the rule of the benchmark (at least 9). */
const PAIRS = 9;
const QUICK_PAIRS = 3;

export const USAGE = `usage: bench [--only ${groups.join(',')}] [--row ID,...] [--pairs 9] [--quick]`;

/** @throws Error with the usage for anything that it does not know */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv].filter((argument) => argument !== '--'),
    options: {
      only: { type: 'string' },
      row: { type: 'string' },
      pairs: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',') ?? [...groups];
  const unknown = only.find((name) => !groups.includes(name as Group));
  if (unknown !== undefined) throw new Error(`there is no group "${unknown}"\n${USAGE}`);
  const pairs = values.pairs === undefined ? (values.quick ? QUICK_PAIRS : PAIRS) : Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error(`--pairs is a number from 1\n${USAGE}`);
  return { only: only as Group[], quick: values.quick, pairs, rows: values.row?.split(',') ?? [] };
}
