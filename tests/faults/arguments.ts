import { parseArgs } from 'node:util';
import { parseRowNumbers } from './row-numbers.ts';

export interface Arguments {
  /** Rows to run; all if empty. */
  rows: number[];
  /** Minutes that the whole run may take; unbounded if absent. */
  minutes: number | undefined;
  seed: number;
  apis: number;
  gateways: number;
  workers: number;
}

/** A run of at most this many minutes injects less often (the table says how often). */
const SHORT_MINUTES = 15;

export const isShort = ({ minutes }: Arguments): boolean => minutes !== undefined && minutes <= SHORT_MINUTES;

/**
 * @param knownRows the rows that there are
 * @throws Error that names the argument that is wrong
 */
export function parseArguments(list: string[], knownRows: readonly number[]): Arguments {
  const { values } = parseArgs({
    args: list,
    options: {
      rows: { type: 'string', default: '' },
      minutes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      apis: { type: 'string', default: '2' },
      gateways: { type: 'string', default: '3' },
      workers: { type: 'string', default: '2' },
    },
  });
  const number = (name: string, text: string, least: number): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least) throw new Error(`--${name} is a number of at least ${least}`);
    return value;
  };
  return {
    rows: parseRowNumbers(values.rows, knownRows),
    minutes: values.minutes === undefined ? undefined : number('minutes', values.minutes, 0.1),
    seed: number('seed', values.seed, 0),
    // several rows kill one of two
    apis: number('apis', values.apis, 2),
    gateways: number('gateways', values.gateways, 2),
    workers: number('workers', values.workers, 2),
  };
}

/** The command that runs these rows in this way again. */
export function commandFor(args: Arguments, rows: readonly number[]): string {
  const minutes = args.minutes === undefined ? '' : ` --minutes ${args.minutes}`;
  const size = ` --apis ${args.apis} --gateways ${args.gateways} --workers ${args.workers}`;
  return `npm run test:faults -- --rows ${rows.join(',')}${minutes} --seed ${args.seed}${size}`;
}
