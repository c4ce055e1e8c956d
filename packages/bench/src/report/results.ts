import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Row } from '../row.ts';

/** The result of one row. The first eight fields are what other tools read. */
export interface RowResult {
  id: string;
  /** Median value of the subject, in `unit`; null where it was not measured. */
  subject: number | null;
  peer: number | null;
  ratio: number | null;
  goal: number;
  held: boolean;
  pairs: number;
  /** The store that it ran on; `-` where none takes part. */
  store: string;
  unit: string;
  better: 'higher' | 'lower';
  discarded: string[];
  ratios: number[];
  /** Mean CPU seconds per run of each process that was watched. */
  cpu: { subject: Record<string, number>; peer: Record<string, number> };
  /** Wall time of each pair, subject and peer, milliseconds. */
  wallMs: number[][];
  measuredAt: string;
  quick: boolean;
  /** Why there is no result. */
  problem?: string;
}

export interface RunResult {
  startedAt: string;
  command: string;
  versions: Record<string, string>;
  load: { before: number[]; after: number[] };
  rows: RowResult[];
}

/** @returns the file that it wrote; `latest.json` has the same rows, and all others as they were last measured */
export async function writeRun(folder: string, run: RunResult, rows: readonly RowFacts[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const earlier = (await readRuns(folder)).flatMap((former) => former.rows);
  const file = join(folder, `${run.startedAt.replace(/[:.]/g, '-')}.json`);
  await writeFile(file, toJson(run));
  await writeFile(join(folder, 'latest.json'), toJson({ ...run, rows: completeRows(rows, run.rows, earlier) }));
  return file;
}

export const toJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Earlier runs, the oldest first. */
export async function readRuns(folder: string): Promise<RunResult[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json') && name !== 'latest.json').sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as RunResult));
}

/** What is known of a row before it is measured. */
export type RowFacts = Pick<Row, 'id' | 'goal' | 'unit' | 'better'>;

/** One result per row: of this run, else of the latest run that measured it, else one that says that it was not measured. */
export function completeRows(
  rows: readonly RowFacts[],
  measured: readonly RowResult[],
  earlier: readonly RowResult[],
): RowResult[] {
  return rows.map((row) => {
    const ofRow = ({ id }: RowResult) => id === row.id;
    const inFull = (result: RowResult) => ofRow(result) && result.ratio !== null && !result.quick;
    return measured.find(ofRow) ?? earlier.findLast(inFull) ?? notMeasured(row);
  });
}

const notMeasured = ({ id, goal, unit, better }: RowFacts): RowResult => ({
  id,
  subject: null,
  peer: null,
  ratio: null,
  goal,
  held: false,
  pairs: 0,
  store: '-',
  unit,
  better,
  discarded: [],
  ratios: [],
  cpu: { subject: {}, peer: {} },
  wallMs: [],
  measuredAt: '',
  quick: false,
  problem: 'not measured',
});
