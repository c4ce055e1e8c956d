import { parseArgs } from 'node:util';
import { parseRowNumbers } from '../faults/row-numbers.ts';

export interface Arguments {
  quick: boolean;
  /** Rows to run; all if empty. */
  rows: number[];
  seed: number;
  /** REST calls and socket events of the fuzzing. */
  calls: number;
  events: number;
}

const FULL = 50_000;
const QUICK = 1_500;

/**
 * @param knownRows the rows that there are
 * @throws Error that names the argument that is wrong
 */
export function parseArguments(list: string[], knownRows: readonly number[]): Arguments {
  const { values } = parseArgs({
    args: list,
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', default: '' },
      seed: { type: 'string', default: '1' },
      calls: { type: 'string' },
      events: { type: 'string' },
    },
  });
  const number = (name: string, text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} is a whole number`);
    return value;
  };
  const count = String(values.quick ? QUICK : FULL);
  return {
    quick: values.quick,
    rows: parseRowNumbers(values.rows, knownRows),
    seed: number('seed', values.seed),
    calls: number('calls', values.calls ?? count),
    events: number('events', values.events ?? count),
  };
}
