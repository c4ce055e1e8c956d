import type { Row } from '../row.ts';
import type { RowResult } from './results.ts';
import { figure } from './table.ts';

const WIDTH = 720;
const LINE = 34;
const LEFT = 210;
const BAR = 380;
/** Reached, beyond the goal: bars end here. */
const MOST = 2;

interface Bar {
  name: string;
  /** How much of the goal is reached: 1 is the goal, more is better. */
  share: number;
  label: string;
}

/** How much of its goal a ratio reaches, so that rows of which more and rows of which less is better can be shown together. */
export function shareOfGoal({ goal, better }: Pick<Row, 'goal' | 'better'>, ratio: number): number {
  if (better === 'higher') return ratio / goal;
  return ratio <= 0 ? MOST : goal / ratio;
}

/** A bar per row and store: the line in the middle is the goal. */
export function renderChart(title: string, rows: readonly { row: Row; result: RowResult }[]): string {
  const bars = rows.flatMap(({ row, result }): Bar[] => {
    if (result.ratio === null) return [];
    const name = result.store === '-' ? row.id : `${row.id} (${result.store.split(',')[0]})`;
    return [{ name, share: shareOfGoal(row, result.ratio), label: `${figure(result.ratio)}, goal ${row.goal}` }];
  });
  const height = 50 + bars.length * LINE;
  const goalAt = LEFT + BAR / MOST;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escapeXml(title)}">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="14" font-weight="600" fill="#1f2937">${escapeXml(title)}</text>
${bars.map((bar, i) => renderBar(bar, 40 + i * LINE)).join('\n')}
<line x1="${goalAt}" y1="32" x2="${goalAt}" y2="${height - 8}" stroke="#1f2937" stroke-dasharray="4 3"/>
</svg>
`;
}

function renderBar({ name, share, label }: Bar, y: number): string {
  const width = Math.max(1, (Math.min(share, MOST) / MOST) * BAR).toFixed(1);
  const colour = share >= 1 ? '#15803d' : '#c2410c';
  return `<text x="${LEFT - 8}" y="${y + 15}" text-anchor="end" fill="#1f2937">${escapeXml(name)}</text><rect x="${LEFT}" y="${y}" width="${width}" height="22" rx="3" fill="${colour}"/><text x="${LEFT + BAR + 8}" y="${y + 15}" fill="#374151">${escapeXml(label)}</text>`;
}

const escapeXml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
