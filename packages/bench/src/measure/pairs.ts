import { whyDiscarded } from './discard.ts';
import type { Measurement } from './measurement.ts';
import { median } from './statistics.ts';

export type Measure = () => Promise<Measurement>;

export interface PairsPlan {
  /** Pairs that are kept. */
  pairs: number;
  /** Pairs that are tried at most. */
  attempts: number;
  onPair?(text: string): void;
}

export interface PairsResult {
  subject: number;
  peer: number;
  /** The median of the ratios of the pairs, which is not the ratio of the medians. */
  ratio: number;
  pairs: number;
  /** The reason of each pair that was not kept. */
  discarded: string[];
  ratios: number[];
  kept: { subject: Measurement; peer: Measurement }[];
}

/**
 * Measures subject and peer in turn, each first in every second pair, after one run of each that does not count.
 * @throws Error if no pair at all was kept
 */
export async function measurePairs(subject: Measure, peer: Measure, plan: PairsPlan): Promise<PairsResult> {
  await subject();
  await peer();
  const kept: PairsResult['kept'] = [];
  const discarded: string[] = [];
  for (let attempt = 0; attempt < plan.attempts && kept.length < plan.pairs; attempt++) {
    const pair = await measurePair(subject, peer, attempt % 2 === 0);
    const reason = whyDiscarded(pair.subject) ?? whyDiscarded(pair.peer);
    if (reason === undefined) kept.push(pair);
    else discarded.push(reason);
    plan.onPair?.(reason ?? `${pair.subject.value.toPrecision(4)} / ${pair.peer.value.toPrecision(4)}`);
  }
  if (kept.length === 0) throw new Error(`no pair could be kept: ${discarded.at(-1)}`);
  return { ...summarise(kept), discarded, kept };
}

async function measurePair(subject: Measure, peer: Measure, subjectFirst: boolean) {
  if (subjectFirst) return { subject: await subject(), peer: await peer() };
  const second = await peer();
  return { subject: await subject(), peer: second };
}

export function summarise(kept: readonly { subject: { value: number }; peer: { value: number } }[]) {
  const ratios = kept.map((pair) => pair.subject.value / pair.peer.value);
  return {
    subject: median(kept.map((pair) => pair.subject.value)),
    peer: median(kept.map((pair) => pair.peer.value)),
    ratio: median(ratios),
    ratios,
    pairs: kept.length,
  };
}
