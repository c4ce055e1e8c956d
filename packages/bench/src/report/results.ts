import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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
export async function writeRun(folder: string, run: RunResult, ids: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const earlier = (await readRuns(folder)).flatMap((former) => former.rows);
  const file = join(folder, `${run.startedAt.replace(/[:.]/g, '-')}.json`);
  await writeFile(file, toJson(run));
  await writeFile(join(folder, 'latest.json'), toJson({ ...run, rows: completeRows(ids, run.rows, earlier) }));
  return file;
}

const toJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Earlier runs, the oldest first. */
export async function readRuns(folder: string): Promise<RunResult[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json') && name !== 'latest.json').sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as RunResult));
}

/** One row per id: of this run, else of the latest run that measured it, else one that says that it was not measured. */
export function completeRows(
  ids: readonly string[],
  measured: readonly RowResult[],
  earlier: readonly RowResult[],
): RowResult[] {
  return ids.map((id) => {
    const same = (row: RowResult) => row.id === id && row.ratio !== null;
    return (
      measured.find((row) => row.id === id) ?? earlier.findLast((row) => same(row) && !row.quick) ?? notMeasured(id)
    );
  });
}

const notMeasured = (id: string): RowResult => ({
  id,
  subject: null,
  peer: null,
  ratio: null,
  goal: 0,
  held: false,
  pairs: 0,
  store: '-',
  unit: '',
  better: 'higher',
  discarded: [],
  ratios: [],
  cpu: { subject: {}, peer: {} },
  wallMs: [],
  measuredAt: '',
  quick: false,
  problem: 'not measured',
});
