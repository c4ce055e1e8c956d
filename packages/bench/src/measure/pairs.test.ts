import { describe, expect, it } from 'vitest';
import type { Measurement } from './measurement.ts';
import { measurePairs, summarise } from './pairs.ts';

const run = (value: number, fields: Partial<Measurement> = {}): Measurement => ({
  value,
  cpu: {},
  wallMs: 1,
  stolen: 0,
  lateMs: 0,
  ...fields,
});

describe('pairs', () => {
  it('are measured in turn, each side first in every second pair, after a warm-up that does not count', async () => {
    const order: string[] = [];
    const side = (name: string, value: number) => async () => {
      order.push(name);
      return run(order.length <= 2 ? 1_000 : value);
    };
    const result = await measurePairs(side('s', 2), side('p', 4), { pairs: 3, attempts: 6 });
    expect(order.join('')).toBe('sp' + 'sp' + 'ps' + 'sp');
    expect(result).toMatchObject({ subject: 2, peer: 4, ratio: 0.5, pairs: 3, discarded: [] });
  });

  it('that were disturbed are measured again, and told', async () => {
    let runs = 0;
    const subject = async () => run(1, { stolen: runs++ === 1 ? 0.2 : 0 });
    const result = await measurePairs(subject, async () => run(1), { pairs: 2, attempts: 5 });
    expect(result.pairs).toBe(2);
    expect(result.discarded).toEqual(['20.0% of the CPU was stolen']);
  });

  it('end after the attempts, with those that are good', async () => {
    let runs = 0;
    const peer = async () => run(1, { lateMs: runs++ % 2 ? 0 : 500 });
    const result = await measurePairs(async () => run(3), peer, { pairs: 9, attempts: 4 });
    expect(result.pairs).toBe(2);
    expect(result.discarded).toHaveLength(2);
  });

  it('fail where none is good', async () => {
    const late = async () => run(1, { lateMs: 500 });
    await expect(measurePairs(late, late, { pairs: 1, attempts: 2 })).rejects.toThrow('no pair could be kept');
  });

  it('give the median of the ratios, not the ratio of the medians', () => {
    const pair = (subject: number, peer: number) => ({ subject: { value: subject }, peer: { value: peer } });
    const { ratio, subject, peer } = summarise([pair(1, 1), pair(10, 5), pair(3, 30)]);
    expect(ratio).toBe(1);
    expect(subject / peer).toBe(3 / 5);
  });
});
