import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import { repeatedPushes, untilDelivered } from '../checks/delivery.ts';
import { duration, worst } from '../figures.ts';
import type { Rig } from '../rig.ts';
import { untilReady } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { groupsPresent, receiptStreams } from './receipt-streams.ts';
import { someoneOnSocket, wayOf } from './ways.ts';

/** What Redis is asked when its reply is lost: the way of one message in order. */
const LOST = [/:rate:/, /:instances/, /:inbox:/, /:events:/, /:receipts:/, /XACK/i, /:leases/];
const SETTLED_MS = 2_000;

export const redisReplyLost: FaultRow = {
  id: 3,
  name: 'Redis reply lost',
  injection:
    'the proxy swallows one reply: rate limit, look-up, inbox, feed, receipts, XACK, lease in turn; a third of the sends over REST, a third over a socket, a third over both at once',
  bar: 'settles within 2 s; no duplicate seen',
  times: { full: 70, short: 14 },
  proxies: { redis: true },
  // Quiet: the reply that is lost is to be that of the send under test.
  load: { rate: 5 },
  async run(trial) {
    const { rig, load, times } = trial;
    const proxy = rig.redisProxy;
    if (!proxy) throw new Error('there is no proxy');
    const from = performance.now();
    let lost = 0;
    for (let round = 0; round < times; round++) {
      const request = LOST[round % LOST.length] as RegExp;
      const rule = proxy.loseReplies({ request, times: 1, how: 'swallow' });
      await sendOne(trial, round);
      await Promise.race([rule.done, sleep(6_000)]);
      lost += rule.end();
      await untilDelivered(load);
    }
    const answers = load.answers.filter(({ at }) => at >= from);
    const slowest = worst(answers.map(({ tookMs }) => tookMs));
    const problems = slowest > SETTLED_MS ? [`a send was answered after ${duration(slowest)}`] : [];
    if (lost < times) problems.push(`only ${lost} of ${times} replies were lost: the row did not do its work`);
    const figure = `slowest answer ${duration(slowest)}; ${repeatedPushes(load)} repeated pushes, all known to the clients by id`;
    return { injected: lost, figure, problems };
  },
};

/** The same client id goes out again over the same way until there is an answer. */
async function sendOne({ load, random }: Trial, round: number): Promise<void> {
  const { device, conversation } = someoneOnSocket(load, random);
  const text = `reply lost ${round}`;
  const way = wayOf(round, LOST.length);
  if (way === 'rest') await load.sendByRest(device.userId, conversation.id, text);
  else if (way === 'socket') await load.sendBySocket(device, conversation.id, text);
  else await load.sendByBoth(device, conversation.id, text);
}

const GROUPS_MS = 5_000;
const LINES_PER_SECOND = 10;

export const redisWiped: FaultRow = {
  id: 9,
  name: 'Redis wiped',
  injection: 'FLUSHALL under load',
  bar: 'A, B; groups back within 5 s; at most 10 log lines a second',
  times: { full: 12, short: 3 },
  async run({ rig, load, random, times }) {
    const groups: number[] = [];
    const deliveries: number[] = [];
    const from = Date.now();
    for (let round = 0; round < times; round++) {
      await sleep(random.between(1_000, 4_000));
      await rig.redisClient.flushall();
      const wipedAt = performance.now();
      const complete = async () => (await groupsPresent(rig)) === receiptStreams.length;
      groups.push(await eventually(complete, 20_000, 25).then(() => performance.now() - wipedAt));
      deliveries.push(await untilDelivered(load));
    }
    const lines = mostLinesInASecond(rig, from);
    const problems = groups.filter((ms) => ms > GROUPS_MS).map((ms) => `groups came back after ${duration(ms)}`);
    if (lines > LINES_PER_SECOND) problems.push(`a process wrote ${lines} lines in one second`);
    if (!Number.isFinite(worst(deliveries))) problems.push('a message did not come within 30 s of a wipe');
    const figure = `groups back after ${duration(worst(groups))}, everybody complete after ${duration(worst(deliveries))}; at most ${lines} lines/s`;
    return { injected: times, figure, problems };
  },
};

function mostLinesInASecond(rig: Rig, from: number): number {
  const counts = new Map<string, number>();
  for (const service of rig.services) {
    for (const { time } of rig.logLines(service)) {
      if (time < from) continue;
      const key = `${service.name} ${Math.floor(time / 1_000)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return worst([...counts.values()]);
}

const EMPTY_BACK_MS = 10_000;

export const redisRestartedEmpty: FaultRow = {
  id: 11,
  name: 'Redis restarted empty',
  injection: 'kill -9 of Redis without persistence; a second later it is back with nothing in it',
  bar: 'A, B within 10 s',
  times: { full: 8, short: 2 },
  async run({ rig, load, random, times }) {
    const backs: number[] = [];
    for (let round = 0; round < times; round++) {
      await sleep(random.between(1_000, 3_000));
      await rig.redis.kill();
      await sleep(1_000);
      await rig.redis.restart();
      const startedAt = performance.now();
      await untilReady(rig.services);
      await probe({ rig, load, random }, round);
      const delivered = await untilDelivered(load);
      backs.push(Number.isFinite(delivered) ? performance.now() - startedAt : delivered);
    }
    const problems = backs.filter((ms) => ms > EMPTY_BACK_MS).map((ms) => `complete only after ${duration(ms)}`);
    return { injected: times, figure: `everybody complete ${duration(worst(backs))} after it was back`, problems };
  },
};

/** One more message that must arrive: the load itself may be quiet at this moment. */
export async function probe({ load, random }: Pick<Trial, 'rig' | 'load' | 'random'>, round: number): Promise<void> {
  const conversation = random.pick(load.conversations);
  await load.sendByRest(random.pick(conversation.members), conversation.id, `probe ${round}`);
}

const STALL_MS = 10_000;
const ANSWER_MS = 5_000;

export const redisStalls: FaultRow = {
  id: 13,
  name: 'Redis stalls',
  injection: 'CLIENT PAUSE 10000 under load',
  bar: 'typed error or ack within 5 s; A',
  times: { full: 4, short: 1 },
  load: { rate: 30 },
  async run({ rig, load, times }) {
    const from = performance.now();
    for (let round = 0; round < times; round++) {
      await sleep(1_000);
      await rig.redisClient.call('CLIENT', 'PAUSE', String(STALL_MS), 'ALL');
      await sleep(STALL_MS);
      await untilDelivered(load);
    }
    const answers = load.answers.filter(({ at }) => at >= from);
    const slowest = worst(answers.map(({ tookMs }) => tookMs));
    const untyped = answers.filter(({ code }) => ['UNTYPED', 'NETWORK', 'TIMEOUT'].includes(code));
    const problems = untyped.slice(0, 3).map(({ code }) => `an answer was ${code}`);
    if (slowest > ANSWER_MS) problems.push(`an answer took ${duration(slowest)}`);
    const refused = answers.filter(({ code }) => code !== '').length;
    return {
      injected: times,
      figure: `slowest of ${answers.length} answers ${duration(slowest)}, ${refused} of them typed errors`,
      problems,
    };
  },
};
