import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findMongo } from '@confab/testkit';
import type { TableRow } from '../faults/table.ts';
import type { Arguments } from './arguments.ts';
import { closeAgents } from './ask.ts';
import { FAULT_ROWS, runFaultRows } from './faults-of-connections.ts';
import { FUZZING_ID, fuzzing } from './fuzz/fuzzing.ts';
import { type AbuseRig, startAbuseRig } from './rig.ts';
import type { AbuseRow } from './row.ts';
import { authenticatedFloods } from './rows/authenticated-floods.ts';
import { bombsRow } from './rows/bombs.ts';
import { evasion } from './rows/evasion.ts';
import { foreignThings } from './rows/foreign-things.ts';
import { forgedTokens } from './rows/forged-tokens.ts';
import { operators } from './rows/operators.ts';
import { origins } from './rows/origins.ts';
import { texts } from './rows/texts.ts';
import { tokenEnds } from './rows/token-end.ts';

/** On a system with the product's own limits. */
const limited: readonly AbuseRow[] = [authenticatedFloods, tokenEnds, forgedTokens, origins, texts, evasion];
/** On a system whose limits are out of the way: what is behind them is what these are after. */
const unlimited: readonly AbuseRow[] = [foreignThings, operators, bombsRow];

/** Every row that there is, in order; one of them is in two parts. */
export const allRowIds: readonly number[] = [
  ...new Set([...FAULT_ROWS, ...[...limited, ...unlimited].map(({ id }) => id), FUZZING_ID]),
].toSorted((a, b) => a - b);

const ROOMY = {
  ...{ MESSAGES_PER_MINUTE: '1000000', CONVERSATIONS_PER_HOUR: '100', REQUESTS_PER_MINUTE_PER_ADDRESS: '10000000' },
  REQUESTS_PER_MINUTE_PER_USER: '10000000',
  ...{ EVENTS_PER_SECOND: '5000', HANDSHAKES_PER_SECOND: '5000', MAX_SOCKETS_PER_USER: '1000', LOG_LEVEL: 'info' },
};
/** Minutes that one row may take: something that hangs must not hang the suite. */
const ROW_MINUTES = 30;

export interface RunOptions {
  args: Arguments;
  /** Where logs and evidence go. */
  folder: string;
  say(line: string): void;
}

export async function runAll(options: RunOptions): Promise<TableRow[]> {
  const { args, say } = options;
  const wanted = (id: number) => args.rows.length === 0 || args.rows.includes(id);
  const table: TableRow[] = [];
  const faultRows = FAULT_ROWS.filter(wanted);
  if (faultRows.length > 0) table.push(...(await runFaultRows(faultRows, { ...args, say })));
  const mongo = await findMongo();
  say(`MongoDB: ${mongo.source}; seed ${args.seed}; ${args.quick ? 'quick' : 'full'}`);
  try {
    const behind = [...unlimited, fuzzing(args)];
    table.push(
      ...(await runOn(
        options,
        mongo.url,
        'limited',
        {},
        limited.filter(({ id }) => wanted(id)),
      )),
    );
    table.push(
      ...(await runOn(
        options,
        mongo.url,
        'unlimited',
        ROOMY,
        behind.filter(({ id }) => wanted(id)),
      )),
    );
  } finally {
    closeAgents();
    await mongo.stop();
  }
  return table.toSorted((a, b) => a.id - b.id);
}

async function runOn(
  options: RunOptions,
  mongodbUrl: string,
  name: string,
  env: Record<string, string>,
  rows: readonly AbuseRow[],
) {
  if (rows.length === 0) return [];
  const folder = join(options.folder, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const rig = await startAbuseRig({ mongodbUrl, folder, env });
  const table: TableRow[] = [];
  try {
    for (const row of rows) table.push(await runRow(options, rig, row));
  } finally {
    await rig.close();
  }
  return table;
}

async function runRow({ args, folder, say }: RunOptions, rig: AbuseRig, row: AbuseRow): Promise<TableRow> {
  const { id, name, injection, bar } = row;
  say(`row ${id}: ${name}`);
  try {
    const outcome = await within(
      ROW_MINUTES,
      row.run({ rig, quick: args.quick, seed: args.seed, say: (line) => say(`  ${line}`) }),
    );
    const problems = [...outcome.problems, ...rig.fallen().map((service) => `${service} is not running`)];
    if (problems.length > 0) {
      writeFileSync(join(folder, `row-${id}-problems.txt`), `${problems.join('\n')}\n`);
      for (const problem of problems.slice(0, 10)) say(`  ! ${problem}`);
    }
    const held = problems.length === 0 ? ('held' as const) : ('NOT HELD' as const);
    const told =
      problems.length === 0 ? '' : `; ${problems.length} against it: ${problems.slice(0, 2).join('; ').slice(0, 200)}`;
    say(`row ${id}: ${held} (${outcome.figure})`);
    return { id, name, injection, bar, times: String(outcome.injected), figure: outcome.figure + told, held };
  } catch (error) {
    const { stack = String(error), message = String(error) } = error as Error;
    writeFileSync(join(folder, `row-${id}-problems.txt`), `${stack}\n`);
    say(`row ${id}: the row itself failed: ${stack}`);
    return {
      id,
      name,
      injection,
      bar,
      times: '?',
      figure: `the row itself failed: ${message.split('\n')[0]}`,
      held: 'NOT HELD',
    };
  }
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
