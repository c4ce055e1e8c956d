import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TableRow } from '../faults/table.ts';

/** The rows of the fault suite that are abuse too: slow clients, floods before authentication, stampedes, deploys and mixed versions. */
export const FAULT_ROWS = [25, 26, 27, 28, 29];

const MAIN = fileURLToPath(new URL('../faults/main.ts', import.meta.url));
/** Minutes that make the fault suite inject less often, and those that all of it may take. */
const QUICK_MINUTES = 12;
const FULL_MINUTES = 45;

/** Runs rows of the fault suite in a process of its own, so that its load does not share an event loop with anything here. */
export async function runFaultRows(
  rows: readonly number[],
  { quick, seed, say }: { quick: boolean; seed: number; say(line: string): void },
): Promise<TableRow[]> {
  const minutes = ['--minutes', String(quick ? QUICK_MINUTES : FULL_MINUTES)];
  const args = ['--conditions=confab-source', MAIN, '--rows', rows.join(','), '--seed', String(seed), ...minutes];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
    for (const line of String(chunk).split('\n')) if (/^\d\d:\d\d:\d\d row /.test(line)) say(line.slice(9));
  });
  await new Promise((resolve) => child.once('exit', resolve));
  const table = output.split('\n').flatMap(rowOf);
  return rows.map((id) => table.find((row) => row.id === id) ?? missing(id, output));
}

/** A line of the table as a row. */
function rowOf(line: string): TableRow[] {
  const [id, name, injection, times, figure, bar, held] = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  if (!/^\d+$/.test(id ?? '') || held === undefined) return [];
  return [{ id: Number(id), name, injection, times, figure, bar, held } as TableRow];
}

const missing = (id: number, output: string): TableRow => ({
  id,
  name: 'row of the fault suite',
  injection: '',
  times: '0',
  figure: `the fault suite did not tell: ${output.trim().split('\n').at(-1) ?? ''}`,
  bar: '',
  held: 'NOT RUN',
});
