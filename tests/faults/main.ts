// npm run test:faults [-- --rows 1,4,9 --minutes 5 --seed 42 --apis 2 --gateways 3 --workers 2]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandFor, parseArguments } from './arguments.ts';
import { allRows } from './rows/index.ts';
import { runRows } from './runner.ts';
import { renderTable } from './table.ts';

const args = parseArguments(
  process.argv.slice(2),
  allRows.map(({ id }) => id),
);
const folder = fileURLToPath(new URL('../../.data/faults/', import.meta.url));
mkdirSync(folder, { recursive: true });
const say = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const rows = args.rows.length === 0 ? allRows : allRows.filter(({ id }) => args.rows.includes(id));

const table = await runRows({ args, rows, folder, say });
process.stdout.write(`\n${renderTable(table)}\n`);
const failed = table.filter(({ held }) => held !== 'held');
if (failed.length > 0) {
  const ids = failed.map(({ id }) => id);
  process.stdout.write(
    `\nNot held: ${ids.join(', ')}. Ledgers and logs: ${join('.data', 'faults')}. Again: ${commandFor(args, ids)}\n`,
  );
}
process.exit(failed.length > 0 ? 1 : 0);
