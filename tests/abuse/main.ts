// npm run test:abuse [-- --quick --rows 31,36 --seed 42 --calls 50000 --events 50000]
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderTable } from '../faults/table.ts';
import { parseArguments } from './arguments.ts';
import { allRowIds, runAll } from './runner.ts';

const args = parseArguments(process.argv.slice(2), allRowIds);
const folder = fileURLToPath(new URL('../../.data/abuse/', import.meta.url));
mkdirSync(folder, { recursive: true });
const say = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const table = await runAll({ args, folder, say });
process.stdout.write(`\n${renderTable(table)}\n`);
const failed = table.filter(({ held }) => held !== 'held');
if (failed.length > 0) {
  const ids = [...new Set(failed.map(({ id }) => id))].join();
  process.stdout.write(
    `\nNot held: ${ids}. Logs: .data/abuse. Again: npm run test:abuse -- --rows ${ids} --seed ${args.seed}\n`,
  );
}
process.exit(failed.length > 0 ? 1 : 0);
