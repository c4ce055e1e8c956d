import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { writeDocument } from '../report/document.ts';
import type { RowResult, RunResult } from '../report/results.ts';
import { readRuns, writeRun } from '../report/results.ts';
import { renderRow } from '../report/table.ts';
import { versions } from '../report/versions.ts';
import type { Environment, Row } from '../row.ts';
import { rows } from '../rows/index.ts';
import { openEnvironment } from './environment.ts';
import type { BenchOptions } from './options.ts';
import { RowProcesses } from './row-processes.ts';

const root = new URL('../../../../', import.meta.url);
const RESULTS = fileURLToPath(new URL('.data/bench/', root));
const DOCUMENT = fileURLToPath(new URL('docs/', root));

/**
 * Runs what was asked for, each row in a process of its own on stores of its own, and writes the results.
 * @param print takes each line as it comes
 * @param signal ends the run early, and in order: what it has measured by then is kept, what it has started ends
 * @returns whether every row could be measured
 * @throws the reason of the signal; Error if there is no such row, there are no stores, or results cannot be written
 */
export async function runBenchmark(
  options: BenchOptions,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const before = loadavg();
  const run: RunResult = {
    startedAt: new Date().toISOString(),
    command: commandOf(options),
    versions: {},
    load: { before, after: before },
    rows: [],
  };
  for (const rows of rowsByStores(chosenRows(options))) await measureOnNewStores(rows, run, options, { print, signal });
  return run.rows.every((result) => result.problem === undefined);
}

/**
 * Rows that are measured on the same stores: those that share what is seeded. What others leave in a store, and in the heap of its process, is not to be
 * measured by the next: behind the rows of whole systems a history page took 2.4 times the peer's find, by itself 1.1.
 */
function rowsByStores(chosen: readonly Row[]): Row[][] {
  const seeded = chosen.filter((row) => row.seed);
  return [...chosen.filter((row) => !row.seed).map((row) => [row]), ...(seeded.length > 0 ? [seeded] : [])];
}

interface Telling {
  print(text: string): void;
  signal: AbortSignal;
}

/** Starts stores, measures these rows on them, and adds the results to those of the run. */
async function measureOnNewStores(
  measured: readonly Row[],
  run: RunResult,
  options: BenchOptions,
  { print, signal }: Telling,
): Promise<void> {
  const environment = await openEnvironment({ quick: options.quick, log: print });
  try {
    if (run.rows.length === 0) {
      run.versions = await versions(environment);
      const load = run.load.before.map((n) => n.toFixed(1)).join(' ');
      print(`store: ${environment.mongo.source}; load of the machine before: ${load}`);
    }
    const processes = new RowProcesses(environment, options, signal);
    for (const row of measured) {
      const result = await runOrTell(row, processes, environment);
      // A row that was ended with the run says nothing of the row.
      signal.throwIfAborted();
      run.rows.push(result);
      run.load.after = loadavg();
      // After each row: a run that is ended early keeps what it has.
      await save(run, options.quick);
      print(renderRow(row, result));
    }
  } finally {
    await environment.close();
  }
}

/** @throws Error for a row that there is not */
function chosenRows({ rows: ids, only }: BenchOptions): Row[] {
  const unknown = ids.find((id) => !rows.some((row) => row.id === id));
  if (unknown !== undefined) {
    throw new Error(`there is no row "${unknown}"; there are ${rows.map(({ id }) => id).join(', ')}`);
  }
  return rows.filter((row) => (ids.length > 0 ? ids.includes(row.id) : only.includes(row.group)));
}

async function save(run: RunResult, quick: boolean): Promise<void> {
  await writeRun(RESULTS, run, rows);
  if (!quick) await writeDocument(DOCUMENT, rows, await readRuns(RESULTS));
}

/** A row that cannot be measured is told as such, and the others go on. */
async function runOrTell(row: Row, processes: RowProcesses, environment: Environment): Promise<RowResult> {
  try {
    return await processes.measure(row);
  } catch (error) {
    return failed(row, environment, error as Error);
  }
}

const failed = (row: Row, environment: Environment, error: Error): RowResult => ({
  id: row.id,
  subject: null,
  peer: null,
  ratio: null,
  goal: row.goal,
  held: false,
  pairs: 0,
  store: row.usesStore ? environment.mongo.source : '-',
  unit: row.unit,
  better: row.better,
  discarded: [],
  ratios: [],
  cpu: { subject: {}, peer: {} },
  wallMs: [],
  measuredAt: new Date().toISOString(),
  quick: environment.quick,
  problem: error.message.split('\n').slice(0, 5).join(' '),
});

const commandOf = ({ only, quick, pairs, rows: ids }: BenchOptions): string => {
  const what = ids.length > 0 ? ` --row ${ids.join(',')}` : ` --only ${only.join(',')}`;
  return `npm run bench --${what} --pairs ${pairs}${quick ? ' --quick' : ''}`;
};
