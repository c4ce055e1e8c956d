import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { INBOX_SERIES_VERSION, STREAM_VERSION } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import type { StockClient } from '../clients/stock-client.ts';
import { duration, percentile } from '../figures.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { deadLetterCommand } from './dead-letter-command.ts';
import { addFailingEntries, type FailingEntries } from './failing-entries.ts';
import { deadLetterCount, receiptStreams } from './receipt-streams.ts';

const P99_MS = 1_000;
const MAX_TRIES = 5;

export const poisonEntries: FaultRow = {
  id: 8,
  name: 'poison entry',
  injection:
    'raw XADD to the receipts streams of junk, of a schema version of the future, and of receipts that fail each time',
  bar: 'dead-lettered after at most 5 tries; others’ p99 under 1 s',
  times: { full: 400, short: 80 },
  async run({ rig, load, random, times }) {
    const calmFrom = performance.now();
    await sleep(4_000);
    const from = performance.now();
    const failing = await addFailingEntries(rig);
    for (let i = 0; i < times; i++) {
      await rig.redisClient.xadd(random.pick(receiptStreams), '*', ...(random.pick(POISON)() as [string, string]));
      await sleep(20);
    }
    const expected = times + failing.count;
    await eventually(async () => (await deadLetterCount(rig)) >= expected, 120_000, 100);
    const tries = failing.tries();
    const latencies = deliveryLatencies(load, from);
    const p99 = percentile(latencies, 0.99);
    const calm = percentile(deliveryLatencies(load, calmFrom, from), 0.99);
    const problems = await operate(rig, expected, failing);
    if (p99 > P99_MS) problems.push(`p99 of the others was ${duration(p99)}`);
    if (tries.most > MAX_TRIES) problems.push(`an entry was tried ${tries.most} times`);
    if (tries.fewest < 2) problems.push(`an entry that fails was given up after ${tries.fewest} tries`);
    const figure = `${expected} of ${expected} set aside, those that fail after ${tries.most} tries; p99 from send to everybody’s device ${duration(p99)} over ${latencies.length} (before the poison ${duration(calm)})`;
    return { injected: expected, figure, problems };
  },
};

const envelope = (fields: object) => JSON.stringify({ id: randomUUID(), at: Date.now(), traceId: 'poison', ...fields });

/** Each makes the fields of one entry that no reader of this version can process. */
const POISON: (() => string[])[] = [
  () => ['junk', 'yes'],
  () => ['e', ''],
  () => ['e', '{"v":1,'],
  () => ['e', '[]'],
  () => ['e', 'null'],
  () => ['e', '\u0000\uffff{}'],
  () => ['e', '{"__proto__":{"v":1}}'],
  () => ['e', envelope({ v: STREAM_VERSION })],
  () => ['e', envelope({ v: '1', type: 'read' })],
  () => ['e', envelope({ v: STREAM_VERSION, type: 'read', conversationId: 7, userId: {} })],
  () => ['e', envelope({ v: STREAM_VERSION, type: 'delivered', conversationId: 'x', userIds: [], items: [] })],
  () => ['e', envelope({ v: STREAM_VERSION + 1, type: 'read', conversationId: 'x', userId: 'y' })],
  () => ['e', envelope({ v: STREAM_VERSION + 3, min: STREAM_VERSION + 2, type: 'teleported' })],
];

/** Milliseconds from the begin of a send to each of the devices that got it, for sends that began between two times of performance.now. */
export function deliveryLatencies(
  { ledger, devices }: Pick<Trial['load'], 'ledger' | 'devices'>,
  from: number,
  until = Number.POSITIVE_INFINITY,
): number[] {
  const [since, before] = [from + performance.timeOrigin, until + performance.timeOrigin];
  return ledger.acknowledged
    .filter(({ startedAt }) => startedAt >= since && startedAt < before)
    .flatMap(({ acknowledged, startedAt }) =>
      devices.flatMap(({ seenAt }) => {
        const at = seenAt.get(acknowledged.messageId);
        return at === undefined ? [] : [at + performance.timeOrigin - startedAt];
      }),
    );
}

/** What an operator does then: looks, mends what can be mended, tries one of the others again (which fails again), and drops the lot. */
async function operate(rig: Rig, expected: number, failing: FailingEntries): Promise<string[]> {
  const list = await deadLetterCommand(rig, ['list', '--json', '--limit', String(expected * 2)]);
  const letters = list.out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const problems: string[] = [];
  if (letters.length !== expected) problems.push(`list shows ${letters.length} of ${expected}`);
  if (letters.some(({ reason }) => !reason)) problems.push('a dead letter has no reason');
  problems.push(...(await failing.mendAndReplay(letters)));
  const left = expected - failing.count;
  const { partition, id } = letters.find(({ reason }) => !reason.startsWith('TypeError'));
  const replay = await deadLetterCommand(rig, ['replay', `${partition}:${id}`]);
  if (replay.code !== 0) problems.push(`replay ended with ${replay.code}`);
  await eventually(async () => (await deadLetterCount(rig)) === left, 20_000, 100).catch(() =>
    problems.push('what was replayed did not come back as a dead letter'),
  );
  const drop = await deadLetterCommand(rig, ['drop', '--all']);
  if (drop.code !== 0 || (await deadLetterCount(rig)) !== 0) problems.push('drop --all left some');
  return problems;
}

export const shuffledReceipts: FaultRow = {
  id: 23,
  name: 'receipts shuffled and replayed',
  injection: 'XADD of every receipt of the log once more, in random order, under load',
  bar: 'C, D',
  times: { full: 10, short: 2 },
  load: { rate: 25 },
  async run({ rig, random, times }) {
    let replayed = 0;
    for (let round = 0; round < times; round++) {
      await sleep(3_000);
      const entries = await allReceipts(rig);
      for (const { stream, fields } of random.shuffle(entries)) await rig.redisClient.xadd(stream, '*', ...fields);
      replayed += entries.length;
    }
    await eventually(async () => (await backlog(rig)) < 50, 120_000, 200);
    const letters = await deadLetterCount(rig);
    const problems = letters > 0 ? [`${letters} of them became dead letters`] : [];
    return { injected: times, figure: `${replayed} receipts replayed`, problems };
  },
};

/** At most so many of each partition: each round would else double what the next one replays. */
const REPLAYED_EACH = 1_000;

async function allReceipts({ redisClient }: Rig) {
  const entries: { stream: string; fields: string[] }[] = [];
  for (const stream of receiptStreams) {
    const newest = await redisClient.xrevrange(stream, '+', '-', 'COUNT', REPLAYED_EACH);
    entries.push(...newest.map(([, fields]) => ({ stream, fields })));
  }
  return entries;
}

async function backlog({ redisClient }: Rig): Promise<number> {
  let waiting = 0;
  for (const stream of receiptStreams) {
    const [group = []] = (await redisClient.xinfo('GROUPS', stream)) as unknown[][];
    for (const name of ['lag', 'pending']) waiting += Number(group[group.indexOf(name) + 1] ?? 0);
  }
  return waiting;
}

/** Above all that this build writes into inboxes: its packs have a version of their own. */
const NEXT_INBOX_VERSION = Math.max(STREAM_VERSION, INBOX_SERIES_VERSION) + 1;

export const mixedVersions: FaultRow = {
  id: 29,
  name: 'mixed versions',
  injection: `entries of the next version (receipts ${STREAM_VERSION + 1}, inboxes ${NEXT_INBOX_VERSION}) that name ${STREAM_VERSION} as their oldest reader, with fields and types unknown here; entries as bare as the oldest version wrote them; into receipts and inboxes`,
  bar: '0 dead-lettered that an older reader could read',
  times: { full: 100, short: 20 },
  async run(trial) {
    const { rig, load, times } = trial;
    const problems: string[] = [];
    for (let round = 0; round < times; round++) {
      const conversation = trial.random.pick(load.conversations);
      const reader = conversation.members[1] ?? '';
      await load.sendByRest(conversation.members[0] ?? '', conversation.id, `versions ${round}`);
      const seq = await newestSeq(rig, reader, conversation.id);
      for (const fields of readableEntries(conversation.id, reader, seq, round)) {
        await rig.redisClient.xadd(partitionStream(conversation.id), '*', 'e', JSON.stringify(fields));
      }
      await eventually(async () => (await readSeqOf(rig, reader, conversation.id)) >= seq, 15_000, 50).catch(() =>
        problems.push(`a receipt of another version had no effect (round ${round})`),
      );
    }
    problems.push(...(await newEventReaches(trial)));
    const letters = await deadLetterCount(rig);
    if (letters > 0) problems.push(`${letters} readable entries became dead letters`);
    return {
      injected: times * 3,
      figure: `${letters} dead letters; each took effect, unknown events reach sockets`,
      problems,
    };
  },
};

/** One `read` receipt as a newer writer makes it or as the oldest did, and one of a type that does not exist yet. */
function readableEntries(conversationId: string, userId: string, toSeq: number, round: number): object[] {
  const base = { id: randomUUID(), at: Date.now(), traceId: 'versions', conversationId, userId, fromSeq: 0, toSeq };
  const newer = { v: STREAM_VERSION + 1, min: STREAM_VERSION, device: { kind: 'watch' }, hints: [1, 2] };
  const oldest = { v: Math.max(1, STREAM_VERSION - 1) };
  return [
    { ...base, ...(round % 2 === 0 ? newer : oldest), type: 'read' },
    { ...base, ...newer, id: randomUUID(), type: 'listened', minutes: 3 },
  ];
}

/** Any partition will do for the effect. */
const partitionStream = (conversationId: string): string =>
  receiptStreams[Number.parseInt(conversationId.slice(-2), 16) % receiptStreams.length] as string;

async function newestSeq(rig: Rig, userId: string, conversationId: string): Promise<number> {
  const { data } = await insist(rig.caller(userId), 'GET', `/api/chat/conversation/${conversationId}/messages?limit=1`);
  return data[0].seq;
}

async function readSeqOf(rig: Rig, userId: string, conversationId: string): Promise<number> {
  const { data } = await insist(rig.caller(userId), 'GET', '/api/chat/conversations');
  return data.find(({ _id }: { _id: string }) => _id === conversationId).readSeq;
}

/** A newer api puts an event of a kind that this gateway does not know into its inbox: it goes out like any other. */
async function newEventReaches({ rig, load }: Trial): Promise<string[]> {
  const device = load.devices.find(({ kind }) => kind === 'stock') as StockClient;
  let got = false;
  device.socket.on('reaction:added', () => {
    got = true;
  });
  const envelope = { id: randomUUID(), at: Date.now(), traceId: 'versions' };
  const meta = { ...envelope, v: NEXT_INBOX_VERSION, min: STREAM_VERSION };
  for (const key of await rig.redisClient.keys('confab:inbox:*')) {
    const fields = [
      'm',
      JSON.stringify({ ...meta, event: 'reaction:added', to: [device.userId] }),
      'p',
      '{"emoji":"x"}',
    ];
    await rig.redisClient.xadd(key, '1-*', ...fields);
  }
  return eventually(() => got, 5_000).then(
    () => [],
    () => ['an event of a newer version did not reach the socket'],
  );
}
