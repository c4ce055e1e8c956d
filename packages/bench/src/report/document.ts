import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Row } from '../row.ts';
import { renderChart } from './chart.ts';
import { type RowResult, type RunResult, toJson } from './results.ts';
import { figure, goalText } from './table.ts';

interface Line {
  row: Row;
  result: RowResult;
  run: RunResult;
}

const HEAD = `# Benchmarks

How fast the system is beside its peers and its limits. Subject and peer run in turn on one machine, on the same Redis and the same
store; a figure is the median of the ratios of the pairs. Single figures on a shared machine scatter by a third: read the ratios.
Pairs with more than 4% of the CPU stolen, or with a generator that was late, are measured again. CPU is read from \`/proc\`, per process.

\`\`\`
npm run bench                                   # everything; about an hour on an idle machine of two processors
npm run bench -- --only gateway,rest --quick    # a short look
npm run bench -- --row gateway-backlog          # one row
BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR" npm run bench -- --row rest-send    # with profiles of our processes
\`\`\`

\`MONGODB_URL\` names the store; without it the embedded one is used. Results as JSON: \`.data/bench/\`. This file is written by the
benchmark from the latest full result of each row on each store, as \`docs/benchmarks/results.json\` keeps them from one machine to the next; \`docs/benchmark-notes.md\` says what holds the rows that are not reached.
`;

/** What the document is made of, beside it: `.data/bench` stays on the machine that measured. */
const RESULTS = join('benchmarks', 'results.json');

/**
 * Writes benchmarks.md, its charts, and the results that they show: of each row on each store the latest one, of these runs and of those that were shown before.
 * @throws SyntaxError if the results that were shown before are no JSON
 */
export async function writeDocument(folder: string, rows: readonly Row[], runs: readonly RunResult[]): Promise<void> {
  await mkdir(join(folder, 'benchmarks'), { recursive: true });
  const all = [...(await shownBefore(folder)), ...runs].toSorted(byTime);
  const lines = latestLines(rows, all);
  const charts = [
    { file: 'benchmarks/ratios.svg', title: 'How much of its goal each row reaches (dashed: the goal)', lines },
  ];
  for (const { file, title, lines: shown } of charts) await writeFile(join(folder, file), renderChart(title, shown));
  const images = charts.map(({ file, title }) => `![${title}](${file})`).join('\n\n');
  await writeFile(join(folder, RESULTS), toJson(runsOf(lines)));
  await writeFile(join(folder, 'benchmarks.md'), [HEAD, tableOf(lines), images, detailsOf(lines), ''].join('\n\n'));
}

const byTime = (a: RunResult, b: RunResult): number => (a.startedAt < b.startedAt ? -1 : 1);

async function shownBefore(folder: string): Promise<RunResult[]> {
  try {
    return JSON.parse(await readFile(join(folder, RESULTS), 'utf8')) as RunResult[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

/** The runs of these lines, without the results that a later one replaced. */
const runsOf = (lines: readonly Line[]): RunResult[] =>
  [...Map.groupBy(lines, ({ run }) => run)].map(([run, shown]) => ({
    ...run,
    rows: shown.map(({ result }) => result),
  }));

/** Of each row and store the latest result that is not of a short look. */
export function latestLines(rows: readonly Row[], runs: readonly RunResult[]): Line[] {
  return rows.flatMap((row) => {
    const latest = new Map<string, Line>();
    for (const run of runs) {
      for (const result of run.rows) {
        if (result.id === row.id && !result.quick) latest.set(result.store, { row, result, run });
      }
    }
    return [...latest.values()].toSorted((a, b) => a.result.store.localeCompare(b.result.store));
  });
}

function tableOf(lines: readonly Line[]): string {
  const head =
    '| row | what | subject | peer | ratio | goal | held | pairs | store |\n|---|---|---|---|---|---|---|---|---|';
  const body = lines.map(({ row, result }) => {
    const sides = `${figure(result.subject)} ${row.unit} | ${figure(result.peer)}`;
    const verdict = result.problem ? `not measured: ${result.problem}` : result.held ? 'yes' : '**no**';
    return `| ${row.id} | ${row.title} | ${sides} | ${figure(result.ratio)} | ${goalText(row)} | ${verdict} | ${result.pairs} | ${result.store} |`;
  });
  return [head, ...body].join('\n');
}

function detailsOf(lines: readonly Line[]): string {
  const runs = [...new Set(lines.map((line) => line.run))].toSorted(byTime);
  const described = runs.map((run) => {
    const load = [run.load.before, run.load.after].map((values) => values.map((n) => n.toFixed(1)).join(' '));
    const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
    return `- ${run.startedAt}: \`${run.command}\`; load average before ${load[0]}, after ${load[1]}; ${versions.join(', ')}`;
  });
  const ratios = lines.map(({ row, result, run }) => {
    const cpu = (side: Record<string, number>) =>
      Object.entries(side)
        .map(([name, s]) => `${name} ${figure(s)}`)
        .join(', ') || '-';
    const all = result.ratios.map((ratio) => figure(ratio)).join(' ');
    const discarded =
      result.discarded.length > 0 ? `; discarded ${result.discarded.length}: ${result.discarded.join(', ')}` : '';
    const wall = result.wallMs.map(([subject, peer]) => `${subject}/${peer}`).join(' ');
    return `- ${row.id} (${result.store}, run of ${run.startedAt}): ratios ${all}; CPU s per run: subject ${cpu(result.cpu.subject)}; peer ${cpu(result.cpu.peer)}; wall ms ${wall}${discarded}`;
  });
  return ['## Runs', ...described, '', '## Every pair', ...ratios].join('\n');
}
