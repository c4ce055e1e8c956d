import { measurePairs } from '../measure/pairs.ts';
import type { RowResult } from '../report/results.ts';
import { type Environment, isHeld, type Row } from '../row.ts';
import type { BenchOptions } from './options.ts';

/** Pairs that may be discarded before a row is given up with fewer. */
const SPARE_SHARE = 0.7;

/** What a row has to know of what was asked for. */
export type RowOptions = Pick<BenchOptions, 'pairs' | 'quick'>;

/** Measures one row. @throws Error if its sides do not start, or no pair could be kept */
export async function runRow(row: Row, environment: Environment, options: RowOptions): Promise<RowResult> {
  const wanted = options.quick ? options.pairs : Math.min(options.pairs, row.pairs ?? options.pairs);
  const sides = await row.open(environment);
  try {
    const result = await measurePairs(sides.subject, sides.peer, {
      pairs: wanted,
      attempts: Math.ceil(wanted * (1 + SPARE_SHARE)),
      onPair: (text) => environment.log(`  ${row.id}: ${text}`),
    });
    return {
      id: row.id,
      subject: result.subject,
      peer: result.peer,
      ratio: result.ratio,
      goal: row.goal,
      held: isHeld(row, result.ratio),
      pairs: result.pairs,
      store: row.usesStore ? environment.mongo.source : '-',
      unit: row.unit,
      better: row.better,
      discarded: result.discarded,
      ratios: result.ratios,
      cpu: cpuPerSide(result.kept),
      wallMs: result.kept.map(({ subject, peer }) => [Math.round(subject.wallMs), Math.round(peer.wallMs)]),
      measuredAt: new Date().toISOString(),
      quick: options.quick,
    };
  } finally {
    await sides.close();
  }
}

type Kept = Awaited<ReturnType<typeof measurePairs>>['kept'];

/** Mean CPU seconds of each process in one run of each side. */
function cpuPerSide(kept: Kept): RowResult['cpu'] {
  const mean = (side: 'subject' | 'peer') => {
    const names = Object.keys(kept[0]?.[side].cpu ?? {});
    const of = (name: string) => kept.reduce((sum, pair) => sum + (pair[side].cpu[name] ?? 0), 0) / kept.length;
    return Object.fromEntries(names.map((name) => [name, Number(of(name).toFixed(3))]));
  };
  return { subject: mean('subject'), peer: mean('peer') };
}
