import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Row } from '../row.ts';
import { writeDocument } from './document.ts';
import type { RowResult, RunResult } from './results.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-document-'));
});
afterEach(() => rm(folder, { recursive: true }));

const rowOf = (id: string): Row => ({
  ...{ id, group: 'store', title: `what ${id} is`, unit: 'ms', goal: 2, better: 'lower', usesStore: true },
  open: () => Promise.reject(new Error('not opened here')),
});
const rows = [rowOf('one'), rowOf('other')];

const resultOf = (id: string, ratio: number, store: string): RowResult => ({
  ...{ id, subject: ratio, peer: 1, ratio, goal: 2, held: ratio <= 2, pairs: 9, store, unit: 'ms', better: 'lower' },
  ...{ discarded: [], ratios: [ratio], cpu: { subject: {}, peer: {} }, wallMs: [[1, 1]], measuredAt: '', quick: false },
});
const runAt = (startedAt: string, ...results: RowResult[]): RunResult => ({
  ...{ startedAt, command: `run of ${startedAt}`, versions: { node: 'v24' }, load: { before: [0], after: [0] } },
  rows: results,
});

const write = (...runs: RunResult[]) => writeDocument(folder, rows, runs);
const table = async () => {
  const text = await readFile(join(folder, 'benchmarks.md'), 'utf8');
  const lines = text.split('\n').filter((line) => /^\| (one|other) /.test(line));
  return { text, cells: lines.map((line) => line.split(' | ').map((cell) => cell.trim())) };
};

test('a machine that measured one row keeps what others measured', async () => {
  await write(runAt('2026-01-01', resultOf('one', 1.5, 'embedded'), resultOf('other', 3, 'embedded')));
  await write(runAt('2026-01-02', resultOf('one', 1.25, 'embedded'), resultOf('one', 4, 'elsewhere')));
  const { text, cells } = await table();
  expect(cells.map((line) => [line[0], line[4], line[6], line[8]])).toEqual([
    ['| one', '4', '**no**', 'elsewhere |'],
    ['| one', '1.25', 'yes', 'embedded |'],
    ['| other', '3', '**no**', 'embedded |'],
  ]);
  // both runs are named, as both have a line
  expect(text).toContain('run of 2026-01-01');
  expect(text).toContain('run of 2026-01-02');
});

test('what was measured later counts, in whatever order it comes', async () => {
  await write(runAt('2026-01-02', resultOf('one', 1.25, 'embedded')));
  await write(runAt('2026-01-01', resultOf('one', 1.5, 'embedded')));
  const { text, cells } = await table();
  expect(cells.map((line) => line[4])).toEqual(['1.25']);
  expect(text).not.toContain('run of 2026-01-01');
});
