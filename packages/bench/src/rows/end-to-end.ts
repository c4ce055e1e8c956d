import { setTimeout as sleep } from 'node:timers/promises';
import { stampedText } from '../clients/payload.ts';
import { type Measurement, observe } from '../measure/measurement.ts';
import { pace } from '../measure/pace.ts';
import { percentile } from '../measure/statistics.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { type ChatSide, openConfab, openMonoliths } from './end-to-end-sides.ts';
import { highestHeld } from './highest-rate.ts';

/** Milliseconds of the 99th percentile up to which a rate counts as held. */
const P99_MS = 100;
/** Milliseconds for the last messages to arrive; what has not come by then counts as endless. */
const GRACE_MS = 3_000;
const TEXT = 230;

/** Offers messages at a rate. @returns with the 99th percentile of the way of a message, milliseconds */
async function offer(side: ChatSide, perSecond: number, seconds: number): Promise<Measurement> {
  const total = Math.round(perSecond * seconds);
  side.latencies.length = 0;
  const run = await observe(side.pids, async () => {
    const lateMs = await pace(perSecond, total, (index, dueAt) => side.send(index, stampedText(dueAt, TEXT)));
    const deadline = performance.now() + GRACE_MS;
    while (side.latencies.length < total && performance.now() < deadline) await sleep(10);
    return lateMs;
  });
  const missing = Math.max(0, total - side.latencies.length);
  const latencies = [...side.latencies, ...Array.from({ length: missing }, () => Number.POSITIVE_INFINITY)];
  return { ...run, lateMs: run.result, value: percentile(latencies, 0.99) };
}

/** Milliseconds between two rates, for what is still under way (receipts) to end. */
const SETTLE_MS = 500;

/** The highest rate that was held; the search begins where the former one ended. */
function searcher(side: ChatSide, environment: Environment, first: number) {
  const state = { from: first };
  return async (): Promise<Measurement> => {
    const seconds = environment.quick ? 1 : 2;
    const tried: Measurement[] = [];
    const rate = await highestHeld(state.from, async (perSecond) => {
      const run = await offer(side, perSecond, seconds);
      tried.push(run);
      await sleep(SETTLE_MS);
      // A generator that is late is overload of the machine: such a rate is not held either.
      return run.value < P99_MS && run.lateMs < P99_MS;
    });
    state.from = rate;
    const stolen = Math.max(...tried.map((run) => run.stolen));
    const wallMs = tried.reduce((sum, run) => sum + run.wallMs, 0);
    return { value: rate, stolen, wallMs, lateMs: 0, cpu: tried.at(-1)?.cpu ?? {} };
  };
}

/** What either side gets before anything counts. Source: after 12,000 messages a side was still faster in every run, being compiled. */
const WARM_UP = { perSecond: 1_000, seconds: 40 };

async function openSides(environment: Environment) {
  const confab = await openConfab(environment);
  const monoliths = await openMonoliths(environment);
  for (const side of [confab, monoliths]) await offer(side, WARM_UP.perSecond, environment.quick ? 3 : WARM_UP.seconds);
  const close = async () => {
    await confab.close();
    await monoliths.close();
  };
  return { confab, monoliths, close };
}

async function openHighestRate(environment: Environment): Promise<Sides> {
  const { confab, monoliths, close } = await openSides(environment);
  return { subject: searcher(confab, environment, 800), peer: searcher(monoliths, environment, 800), close };
}

async function openLatency(environment: Environment): Promise<Sides> {
  const { confab, monoliths, close } = await openSides(environment);
  const seconds = environment.quick ? 1 : 4;
  return { subject: () => offer(confab, 500, seconds), peer: () => offer(monoliths, 500, seconds), close };
}

const common = { group: 'e2e', usesStore: true } as const;

export const endToEndRows: Row[] = [
  {
    ...common,
    id: 'e2e-rate',
    title:
      'end to end 1:1 across two gateways: messages/s at p99 < 100 ms / the redis-adapter monolith with insertOne, same number of processes',
    unit: 'messages/s',
    goal: 1.5,
    better: 'higher',
    open: openHighestRate,
  },
  {
    ...common,
    id: 'e2e-p99',
    title: 'end-to-end p99 at 500 messages/s / the same peer',
    unit: 'ms',
    goal: 1,
    better: 'lower',
    open: openLatency,
  },
];
