import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import { untilDelivered } from '../checks/delivery.ts';
import { duration, worst } from '../figures.ts';
import { untilReady } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';

export const apiKilled: FaultRow = {
  id: 1,
  name: 'api killed',
  injection: 'kill -9 of an api at random moments under load',
  bar: 'A, B: 0 lost, 0 doubled',
  times: { full: 200, short: 8 },
  load: { rate: 30 },
  async run({ rig, load, random, times, say }) {
    for (let kill = 1; kill <= times; kill++) {
      await sleep(random.between(50, 500));
      const victim = random.pick(rig.system.api);
      await victim.kill();
      await victim.restart();
      if (kill % 20 === 0) say(`${kill} kills, ${load.ledger.acknowledged.length} acknowledged`);
    }
    const retried = load.ledger.attempts.filter(({ errors }) => errors.length > 0).length;
    return { injected: times, figure: `${retried} sends had to be repeated`, problems: [] };
  },
};

const DELIVERED_MS = 2_000;

/** Each round ends the api at its next message: stored, and nobody told. Odd rounds: its seq taken, and not even stored. */
export const crashBeforePublish: FaultRow = {
  id: 2,
  name: 'crash between insert and publish',
  injection: 'failpoint message-stored ends the api; every other round seq-taken, which leaves a hole',
  bar: 'B within 2 s of restart',
  times: { full: 40, short: 4 },
  async run(trial) {
    const delays: number[] = [];
    for (let round = 0; round < trial.times; round++) delays.push(await crashOnce(trial, round));
    const late = delays.filter((ms) => ms > DELIVERED_MS);
    return {
      injected: trial.times,
      figure: `everybody had it ${duration(worst(delays))} after the restart at worst`,
      problems: late.map((ms) => `a message came ${duration(ms)} after the restart`),
    };
  },
};

async function crashOnce({ rig, load, random }: Trial, round: number): Promise<number> {
  const [victim] = rig.system.api;
  const [service] = rig.services;
  if (!victim || !service) throw new Error('there is no api');
  const step = round % 2 === 0 ? 'message-stored' : 'seq-taken';
  await victim.restart({ FAILPOINT: step });
  const conversation = random.pick(load.conversations);
  const sender = random.pick(conversation.members);
  // It ends the api at the latest; the load may have done so before. The repeat goes to the api that is left.
  const sending = load.sendByRest(sender, conversation.id, `crash ${round}`);
  await eventually(() => !victim.running, 10_000);
  await victim.restart();
  await untilReady([service]);
  const restartedAt = performance.now();
  await sending;
  const lateMs = await untilDelivered(load);
  if (!Number.isFinite(lateMs)) return lateMs;
  return performance.now() - restartedAt;
}
