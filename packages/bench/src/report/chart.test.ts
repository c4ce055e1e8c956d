import { expect, it } from 'vitest';
import { rows } from '../rows/index.ts';
import { renderChart, shareOfGoal } from './chart.ts';
import { completeRows } from './results.ts';

it('shows how much of the goal is reached, whichever way is better', () => {
  expect(shareOfGoal({ goal: 0.6, better: 'higher' }, 0.3)).toBe(0.5);
  expect(shareOfGoal({ goal: 1.2, better: 'lower' }, 2.4)).toBe(0.5);
  expect(shareOfGoal({ goal: 0.05, better: 'lower' }, -0.001)).toBe(2);
});

it('draws a bar per measured row, escaped, and none for one that was not', () => {
  const [row] = rows;
  if (!row) throw new Error('no rows');
  const [empty] = completeRows([row], [], []);
  if (!empty) throw new Error('no result');
  const svg = renderChart('a < b', [
    { row, result: { ...empty, ratio: 0.3 } },
    { row, result: empty },
  ]);
  expect(svg).toContain('a &lt; b');
  expect(svg.match(/<rect x=/g)).toHaveLength(1);
  expect(svg).toContain('0.3, goal 0.6');
});

const facts = (id: string) => ({ id, goal: 0.6, unit: 'ms', better: 'lower' as const });

it('has one row per id: of this run, else the newest full one, else that it was not measured', () => {
  const [empty] = completeRows([facts('a')], [], []);
  if (!empty) throw new Error('no result');
  const result = (id: string, ratio: number, quick = false) => ({ ...empty, id, ratio, quick });
  const earlier = [result('a', 1), result('b', 2), result('b', 3), result('b', 4, true)];
  const found = completeRows(['a', 'b', 'c'].map(facts), [result('a', 9)], earlier);
  expect(found.map((row) => row.ratio)).toEqual([9, 3, null]);
  expect(found[2]).toMatchObject({ ...facts('c'), ratio: null, held: false, problem: 'not measured' });
});
