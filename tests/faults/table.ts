export interface TableRow {
  id: number;
  name: string;
  injection: string;
  times: string;
  figure: string;
  bar: string;
  held: 'held' | 'NOT HELD' | 'NOT RUN';
}

/** The rows as a Markdown table, which a terminal shows as well as a document. */
export function renderTable(rows: readonly TableRow[]): string {
  const cells = [
    ['row', 'fault', 'injected', 'times', 'measured', 'bar', ''],
    ...rows.map((r) => [String(r.id), r.name, r.injection, r.times, r.figure, r.bar, r.held]),
  ];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const [head = [], ...body] = cells;
  return [line(head), rule, ...body.map(line)].join('\n');
}
