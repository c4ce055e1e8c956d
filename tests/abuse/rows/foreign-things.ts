import { createRandom } from '../../faults/random.ts';
import { type AbuseRow, Findings } from '../row.ts';
import { compareTimes, type Difference, takeRounds } from '../walk/timing.ts';
import { type Probe, probesOf, unprobed } from '../walk/walk.ts';
import { createWorld, leaveWorld } from '../walk/world.ts';

export const foreignThings: AbuseRow = {
  id: 33,
  name: 'another user’s things',
  injection:
    'a stranger asks on every route and event of the contracts, for what is foreign and what is unknown, in turn',
  bar: '0 leaks; foreign = unknown in status, body and, within noise, time',
  async run({ rig, quick, seed, say }) {
    const findings = new Findings();
    const world = await createWorld(rig.system);
    for (const name of unprobed()) findings.check(false, `${name} of the contracts is not walked`);
    let largest = { difference: { ms: 0, noiseMs: 0, withinNoise: true } as Difference, name: '' };
    const probes = probesOf(world);
    for (const probe of probes) {
      const [foreign, unknown] = [await probe.askForeign(), await probe.askUnknown()];
      findings.check(
        JSON.stringify(foreign) === JSON.stringify(unknown),
        `${probe.name}: ${foreign.status} ${foreign.body.slice(0, 80)} is not ${unknown.status} ${unknown.body.slice(0, 80)}`,
      );
      findings.check(!foreign.body.includes('theirs'), `${probe.name}: the text leaks`);
      const { difference, surely } = await timeDifference(probe, quick ? 15 : 40, seed);
      if (Math.abs(difference.ms) > Math.abs(largest.difference.ms)) largest = { difference, name: probe.name };
      findings.check(!surely, `${probe.name}: ${inWords(difference)}`);
    }
    const told = world.witnesses.flatMap(({ received }) =>
      received.filter(({ event }) => /typing|new:message|deleted|read/.test(event)),
    );
    findings.check(told.length === 0, `the members were told ${told.length} events`);
    leaveWorld(world);
    say(`${probes.length} ways to ask`);
    const figure = `0 leaks in ${probes.length} ways to ask; at most, ${inWords(largest.difference)} (${largest.name})`;
    return { injected: probes.length, figure, problems: findings.problems };
  },
};

/** In this many measurements, one after another, a difference must show, the same way round: a pause of the machine does not come back. */
const TRIES = 3;

interface Verdict {
  difference: Difference;
  surely: boolean;
}

async function timeDifference(probe: Probe, rounds: number, seed: number): Promise<Verdict> {
  const ask = { foreign: () => timed(probe.askForeign), unknown: () => timed(probe.askUnknown) };
  const found: Difference[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const difference = compareTimes(await takeRounds(rounds, ask, createRandom(seed + attempt)), seed + attempt);
    if (difference.withinNoise) return { difference, surely: false };
    found.push(difference);
  }
  const [difference] = found as [Difference, ...Difference[]];
  return { difference, surely: found.every(({ ms }) => Math.sign(ms) === Math.sign(difference.ms)) };
}

const inWords = ({ ms, noiseMs }: Difference) =>
  `foreign takes ${ms.toFixed(2)} ms longer than unknown, where noise is ${noiseMs.toFixed(2)} ms`;

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await call();
  return performance.now() - startedAt;
}
