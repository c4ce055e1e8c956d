import { percentile } from '../../faults/figures.ts';
import { type AbuseRow, Findings } from '../row.ts';
import { type Probe, probesOf, unprobed } from '../walk/walk.ts';
import { createWorld, leaveWorld } from '../walk/world.ts';

/** Medians of foreign and unknown may differ by this, milliseconds: as much as two runs of the same probe differ here. */
const NOISE_MS = 2;
const NOISE_SHARE = 0.3;
/** A difference must show again, so that a pause of the machine is not taken for one. */
const TRIES = 3;

export const foreignThings: AbuseRow = {
  id: 33,
  name: 'another user’s things',
  injection:
    'a stranger asks on every route and event of the contracts, for what is foreign and what is unknown, in turn',
  bar: '0 leaks; foreign = unknown in status, body and, within noise, time',
  async run({ rig, quick, say }) {
    const findings = new Findings();
    const world = await createWorld(rig.system);
    for (const name of unprobed()) findings.check(false, `${name} of the contracts is not walked`);
    let largest = { ms: 0, name: '' };
    const probes = probesOf(world);
    for (const probe of probes) {
      const [foreign, unknown] = [await probe.askForeign(), await probe.askUnknown()];
      findings.check(
        JSON.stringify(foreign) === JSON.stringify(unknown),
        `${probe.name}: ${foreign.status} ${foreign.body.slice(0, 80)} is not ${unknown.status} ${unknown.body.slice(0, 80)}`,
      );
      findings.check(!foreign.body.includes('theirs'), `${probe.name}: the text leaks`);
      const difference = await timeDifference(probe, quick ? 12 : 40);
      if (difference.ms > largest.ms) largest = { ms: difference.ms, name: probe.name };
      findings.check(difference.withinNoise, `${probe.name}: ${difference.words}`);
    }
    const told = world.witnesses.flatMap(({ received }) =>
      received.filter(({ event }) => /typing|new:message|deleted|read/.test(event)),
    );
    findings.check(told.length === 0, `the members were told ${told.length} events`);
    leaveWorld(world);
    say(`${probes.length} ways to ask`);
    const figure = `0 leaks in ${probes.length} ways to ask; medians differ by at most ${largest.ms.toFixed(1)} ms (${largest.name})`;
    return { injected: probes.length, figure, problems: findings.problems };
  },
};

interface Difference {
  ms: number;
  withinNoise: boolean;
  words: string;
}

async function timeDifference(probe: Probe, samples: number): Promise<Difference> {
  let smallest: Difference | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const difference = await measure(probe, samples);
    if (!smallest || difference.ms < smallest.ms) smallest = difference;
    if (smallest.withinNoise) break;
  }
  return smallest as Difference;
}

/** In turn, so that whatever else the machine does meets both. */
async function measure(probe: Probe, samples: number): Promise<Difference> {
  const foreign: number[] = [];
  const unknown: number[] = [];
  for (let i = 0; i < samples; i++) {
    const order = i % 2 === 0 ? [foreign, unknown] : [unknown, foreign];
    for (const list of order) list.push(await timed(list === foreign ? probe.askForeign : probe.askUnknown));
  }
  const [a, b] = [percentile(foreign, 0.5), percentile(unknown, 0.5)];
  const ms = Math.abs(a - b);
  return {
    ms,
    withinNoise: ms <= NOISE_MS || ms <= NOISE_SHARE * Math.min(a, b),
    words: `foreign ${a.toFixed(1)} ms, unknown ${b.toFixed(1)} ms at the median`,
  };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await call();
  return performance.now() - startedAt;
}
