import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type ServiceProcess } from '@confab/testkit';
import { duration, worst } from '../figures.ts';
import type { Rig } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { type PendingEntry, pendingOf, stillPending } from './receipt-streams.ts';

const PENDING_MS = 30_000;
/** Longer than the 10 s after which another worker claims an entry. */
const FROZEN_MS = 13_000;

export const workerKilled: FaultRow = {
  id: 6,
  name: 'worker killed mid-batch',
  injection: 'kill -9 while it has unacknowledged receipts; every other time it stays away',
  bar: 'pending 0 within 30 s; C, D',
  times: { full: 20, short: 3 },
  load: { rate: 40 },
  async run(trial) {
    const settled: number[] = [];
    let midBatch = 0;
    for (let round = 0; round < trial.times; round++) {
      const { had, ms } = await killOnce(trial, round);
      settled.push(ms);
      if (had > 0) midBatch++;
    }
    const late = settled.filter((ms) => ms > PENDING_MS);
    return {
      injected: trial.times,
      figure: `${midBatch} of them in a batch; what they left was done after ${duration(worst(settled))} at worst`,
      problems: late.map((ms) => `entries of a dead worker stayed for ${duration(ms)}`),
    };
  },
};

async function killOnce({ rig }: Trial, round: number): Promise<{ had: number; ms: number }> {
  const index = round % 2;
  const victim = rig.system.receipts[index] as ServiceProcess;
  const name = `receipts-${index}`;
  // Frozen at the moment in which it holds something: else the kill would mostly hit an idle worker.
  const held = await freezeInBatch(rig, victim, name);
  await victim.kill();
  const killedAt = performance.now();
  const settled = eventually(async () => (await stillPending(rig, held)).length === 0, PENDING_MS + 15_000, 100).then(
    () => performance.now() - killedAt,
  );
  if (round % 4 < 2) await victim.restart();
  const ms = await settled;
  if (!victim.running) await victim.restart();
  return { had: held.length, ms };
}

/** Tries for some seconds to stop it while entries are in its hands. @returns which */
async function freezeInBatch(rig: Rig, victim: ServiceProcess, name: string): Promise<PendingEntry[]> {
  const end = Date.now() + 8_000;
  for (;;) {
    victim.signal('SIGSTOP');
    await sleep(20); // what it wrote is on its way to Redis
    const pending = await pendingOf(rig, name);
    if (pending.length > 0 || Date.now() > end) return pending;
    victim.signal('SIGCONT');
    await sleep(15);
  }
}

export const workerFrozen: FaultRow = {
  id: 7,
  name: 'worker frozen past the claim time',
  injection: 'SIGSTOP for 13 s in a batch, SIGCONT (entries are claimed after 10 s)',
  bar: 'C, D under double processing',
  times: { full: 6, short: 1 },
  load: { rate: 40 },
  async run({ rig, times }) {
    let claimed = 0;
    for (let round = 0; round < times; round++) {
      const index = round % 2;
      const victim = rig.system.receipts[index] as ServiceProcess;
      const name = `receipts-${index}`;
      const held = await freezeInBatch(rig, victim, name);
      await sleep(FROZEN_MS);
      claimed += held.length - (await stillPending(rig, held)).filter((holder) => holder === name).length;
      victim.signal('SIGCONT');
      await eventually(async () => (await stillPending(rig, held)).length === 0, PENDING_MS, 100);
    }
    return { injected: times, figure: `${claimed} entries were processed by two workers`, problems: [] };
  },
};
