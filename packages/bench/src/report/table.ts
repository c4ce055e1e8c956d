import type { Row } from '../row.ts';
import type { RowResult } from './results.ts';

/** Three digits that count, in plain notation. */
export function figure(value: number | null): string {
  if (value === null) return '-';
  if (!Number.isFinite(value)) return 'endless';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export const goalText = ({ goal, better }: Pick<Row, 'goal' | 'better'>): string =>
  `${better === 'higher' ? '≥' : '≤'} ${goal}`;

/** One line for the terminal. */
export function renderRow(row: Row, result: RowResult): string {
  if (result.problem) return `${row.id}: NOT MEASURED: ${result.problem}`;
  const verdict = result.held ? 'held' : 'NOT REACHED';
  const sides = `${figure(result.subject)} / ${figure(result.peer)} ${row.unit}`;
  return `${row.id}: ${figure(result.ratio)} (${goalText(row)}: ${verdict}) = ${sides}; ${result.pairs} pairs, ${result.discarded.length} discarded`;
}
