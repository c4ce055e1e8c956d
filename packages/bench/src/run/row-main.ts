/** The process of one row: seeds for it or measures it, and reports to the benchmark that started it (see row-processes.ts). */

import { once } from 'node:events';
import type { RowResult } from '../report/results.ts';
import { rows } from '../rows/index.ts';
import type { Seeded } from '../rows/seed-store.ts';
import type { Report } from './apart.ts';
import type { RowTask } from './row-processes.ts';
import { runRow } from './run-row.ts';

// Ctrl-C reaches every process of a terminal: the benchmark ends this one, and takes it for no row that failed.
process.on('SIGINT', () => {});

const [task] = (await once(process, 'message')) as [RowTask];
await report(await outcomeOf(task));
// Not before the report is through, and without what may still wait for something in here.
process.exit();

async function outcomeOf({ what, row: id, environment, options }: RowTask): Promise<Report<Seeded | RowResult>> {
  try {
    const row = rows.find((candidate) => candidate.id === id);
    if (!row) throw new Error(`there is no row "${id}"`);
    const told = { ...environment, log: (text: string) => void report({ log: text }) };
    if (what === 'measure') return { result: await runRow(row, told, options) };
    if (!row.seed) throw new Error(`the row "${id}" seeds nothing`);
    return { result: await row.seed(told) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** @throws Error if nobody is there to take it */
function report(message: Report<Seeded | RowResult>): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}
