import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findMongo } from '@confab/testkit';
import { MongoClient } from 'mongodb';
import { type Arguments, commandFor, isShort } from './arguments.ts';
import { checkInvariants } from './checks/invariants.ts';
import { MemoryWatch } from './checks/processes.ts';
import { megabytes } from './figures.ts';
import { Load } from './load.ts';
import { createRandom } from './random.ts';
import { startRig, untilReady } from './rig.ts';
import { CannotRun, type FaultRow } from './row.ts';
import type { TableRow } from './table.ts';

export interface RunOptions {
  args: Arguments;
  rows: readonly FaultRow[];
  /** Where evidence is kept. */
  folder: string;
  say(line: string): void;
}

/** Minutes that one row may take at most: something that hangs must not hang the suite. */
const ROW_MINUTES = { full: 30, short: 5 };

interface RowRun extends RunOptions {
  row: FaultRow;
  mongodbUrl: string;
  rowFolder: string;
}

/** Runs the rows one after the other, each on a fresh system with a database of its own. */
export async function runRows(options: RunOptions): Promise<TableRow[]> {
  const { args, rows, folder, say } = options;
  const mongo = await findMongo();
  say(`MongoDB: ${mongo.source}; seed ${args.seed}; ${isShort(args) ? 'short version' : 'full counts'}`);
  const end = args.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + args.minutes * 60_000;
  const table: TableRow[] = [];
  try {
    for (const row of rows) {
      const rowFolder = join(folder, `row-${row.id}`);
      rmSync(rowFolder, { recursive: true, force: true });
      mkdirSync(rowFolder, { recursive: true });
      say(`row ${row.id}: ${row.name}`);
      const result =
        Date.now() > end
          ? notRun(row, `the ${args.minutes} minutes were over`)
          : await runRow({ ...options, row, mongodbUrl: mongo.url, rowFolder });
      say(`row ${row.id}: ${result.held} (${result.figure})`);
      if (result.held === 'held') rmSync(rowFolder, { recursive: true });
      table.push(result);
    }
  } finally {
    await mongo.stop();
  }
  return table;
}

const notRun = (row: FaultRow, why: string): TableRow => ({ ...about(row), times: '0', figure: why, held: 'NOT RUN' });
const about = ({ id, name, injection, bar }: FaultRow) => ({ id, name, injection, bar });

async function runRow(run: RowRun): Promise<TableRow> {
  const { row, args } = run;
  const times = isShort(args) ? row.times.short : row.times.full;
  try {
    const { outcome, violations, untypedErrors, note } = await within(minutesOf(args), injectAndCheck(run, times));
    const problems = [...outcome.problems, ...violations, ...untypedErrors];
    if (problems.length > 0) keepProblems(run, problems);
    const reduced = times < row.times.full ? ` (${times} of ${row.times.full} rounds)` : '';
    const figure = problems.length === 0 ? outcome.figure : `${outcome.figure}; ${shorten(problems)}`;
    return {
      ...about(row),
      times: `${outcome.injected}${reduced}`,
      figure: `${figure}; ${note}`,
      held: problems.length === 0 ? 'held' : 'NOT HELD',
    };
  } catch (error) {
    if (error instanceof CannotRun) return notRun(row, error.message);
    keepProblems(run, [error instanceof Error ? (error.stack ?? error.message) : String(error)]);
    const figure = `the row itself failed: ${(error as Error).message.split('\n')[0]}`;
    return { ...about(row), times: '?', figure, held: 'NOT HELD' };
  }
}

const minutesOf = (args: Arguments) => (isShort(args) ? ROW_MINUTES.short : ROW_MINUTES.full);

async function injectAndCheck(run: RowRun, times: number) {
  const { row, args, mongodbUrl, rowFolder } = run;
  const database = `confab_faults_${process.pid}_${row.id}`;
  const short = isShort(args);
  const rig = await startRig({
    ...{ api: args.apis, gateway: args.gateways, receipts: args.workers },
    ...{ mongodbUrl, database, folder: rowFolder },
    proxyRedis: row.proxies?.redis === true,
    proxyMongo: row.proxies?.mongo === true,
    gatewayEnv: (short ? row.gatewayEnv?.short : row.gatewayEnv?.full) ?? {},
  });
  const random = createRandom(args.seed * 1_000 + row.id);
  const load = new Load(rig, random, row.load);
  const memory = new MemoryWatch(rig.services);
  try {
    await untilReady(rig.services);
    await load.start();
    const say = (line: string) => run.say(`  ${line}`);
    const outcome = await row.run({ rig, load, random, memory, times, short, folder: rowFolder, mongodbUrl, say });
    await load.stop();
    const violations = await checkInvariants(rig, load, memory);
    return {
      outcome,
      violations: violations.map(({ invariant, detail }) => `${invariant}: ${detail}`),
      untypedErrors: untypedErrorsOf(load),
      note: noteOf(load, memory),
    };
  } finally {
    memory.close();
    load.ledger.save(join(rowFolder, 'ledger.jsonl'));
    load.close();
    await rig.close();
    await dropDatabase(mongodbUrl, database);
  }
}

/** A fault that we know of is told as one: a client that is told INTERNAL met a defect. */
function untypedErrorsOf(load: Load): string[] {
  const { INTERNAL: count = 0 } = load.ledger.errorCounts();
  return count > 0 ? [`${count} sends were answered with INTERNAL`] : [];
}

function noteOf(load: Load, memory: MemoryWatch): string {
  const { acknowledged } = load.ledger;
  const errors = Object.entries(load.ledger.errorCounts()).map(([code, count]) => `${count} ${code}`);
  const told = errors.length > 0 ? `, after ${errors.join(', ')}` : '';
  return `A-E of ${acknowledged.length} acknowledged${told}; at most ${megabytes(memory.peak)} a process`;
}

function keepProblems({ rowFolder, row, args, say }: RowRun, problems: string[]): void {
  const command = commandFor(args, [row.id]);
  writeFileSync(join(rowFolder, 'problems.txt'), `${command}\n\n${problems.join('\n')}\n`);
  for (const problem of problems.slice(0, 10)) say(`  ! ${problem}`);
}

/** The first problems in few words: all of them are in the row's folder. */
function shorten(problems: readonly string[]): string {
  const more = problems.length > 2 ? ` and ${problems.length - 2} more` : '';
  return `${problems.slice(0, 2).join('; ').slice(0, 240)}${more}`;
}

async function within<T>(minutes: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${minutes} minutes`)), minutes * 60_000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function dropDatabase(url: string, database: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    await client.db(database).dropDatabase();
  } finally {
    await client.close();
  }
}
