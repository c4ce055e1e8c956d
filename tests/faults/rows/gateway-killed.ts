import { eventually } from '@confab/testkit';
import { missingDeliveries } from '../checks/delivery.ts';
import type { StockClient } from '../clients/stock-client.ts';
import { duration } from '../figures.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { freezeOnce } from './gateway-frozen.ts';
import { type Crowd, gatherCrowd } from './idle-sockets.ts';
import { MongoCommands } from './mongo-commands.ts';

const GHOST_MS = 15_000;
const BACK_MS = 30_000;
const MONGO_FACTOR = 3;

export const gatewayKilled: FaultRow = {
  id: 4,
  name: 'gateway killed',
  injection:
    'kill -9 of a gateway that holds 1,000 sockets (short: 300); 20 of their groups are written to while all are away; every tenth user does not come back; then one is frozen for longer than its lease, and wakes',
  bar: 'B after reconnect; presence gone within 15 s',
  times: { full: 3, short: 1 },
  async run(trial) {
    const { rig, times } = trial;
    const figures: { goneMs: number; backMs: number }[] = [];
    for (let round = 0; round < times; round++) figures.push(await killOnce(trial, round, round === times - 1));
    await rig.system.gateway[0]?.restart();
    const frozen = await freezeOnce(trial);
    const goneMs = Math.max(...figures.map((figure) => figure.goneMs));
    const backMs = Math.max(...figures.map((figure) => figure.backMs));
    return {
      injected: times + 1,
      figure: `ghosts gone after ${duration(goneMs)}, the others back with everything after ${duration(backMs)}: ${WRITTEN_GROUPS} messages each time, on all devices of their groups; ${frozen.figure}`,
      problems: [...frozen.problems, ...(goneMs > GHOST_MS ? [`a ghost was online for ${duration(goneMs)}`] : [])],
    };
  },
};

/** Groups that are written to while all of their members are away. */
const WRITTEN_GROUPS = 20;

async function killOnce(trial: Trial, round: number, isLast: boolean) {
  const { rig, load, short } = trial;
  const victim = rig.system.gateway[0];
  if (!victim) throw new Error('there is no gateway');
  if (!victim.running) await victim.restart();
  const alone = rig.only(0);
  const crowd = await gatherCrowd(rig, short ? 300 : 1_000, `crowd${round}`);
  alone.release();
  const keptOpen = new Set<StockClient>();
  try {
    const leavers = crowd.clients.filter((_, index) => index % 10 === 0);
    const stayers = crowd.clients.filter((_, index) => index % 10 !== 0);
    for (const client of leavers) client.socket.io.reconnection(false);
    const shut = rig.none();
    await victim.kill();
    const killedAt = performance.now();
    const written = crowd.groups.slice(0, WRITTEN_GROUPS);
    const said = await writeTo(load, written).finally(() => shut.release());
    const owed = stayers.map((client) => ({ client, messageId: said.get(client.userId) }));
    load.adopt(written, []);
    const back = eventually(() => isBack(stayers) && owed.every(hasIt), 60_000).then(
      () => performance.now() - killedAt,
    );
    const gone = ghostsGone(rig, crowd).then(() => performance.now() - killedAt);
    const [backMs, goneMs] = await Promise.all([back, gone]);
    // The last of them stay to the end: all that is checked then is checked of them too.
    if (isLast) for (const { client, messageId } of owed) if (messageId !== undefined) keptOpen.add(client);
    load.adopt([], [...keptOpen]);
    await eventually(() => missingDeliveries(load).length === 0, 20_000);
    return { backMs, goneMs };
  } finally {
    for (const client of crowd.clients) if (!keptOpen.has(client)) client.close();
  }
}

/** One message to each of the groups, from one of its members. @returns the message that each member must get */
async function writeTo(load: Trial['load'], groups: Crowd['groups']): Promise<Map<string, string>> {
  const owed = await Promise.all(
    groups.map(async ({ id, members }) => {
      const messageId = await load.sendByRest(members[1] ?? '', id, 'while you were away');
      if (messageId === undefined) throw new Error(`nobody took the message to group ${id}`);
      return members.map((userId) => [userId, messageId] as const);
    }),
  );
  return new Map(owed.flat());
}

const hasIt = ({ client, messageId }: { client: StockClient; messageId: string | undefined }): boolean =>
  messageId === undefined || client.known.has(messageId);

const isBack = (clients: readonly StockClient[]): boolean =>
  clients.every(({ connected, connections }) => connected && connections > 1);

/** Groups whose leavers are looked at: asking after all of them would load the apis, and measure that. */
const WATCHED_GROUPS = 10;

/** Waits until those who left (the first of each group) are shown as offline to a member of their group. */
async function ghostsGone(rig: Rig, { groups }: Crowd): Promise<void> {
  const isGone = async ([leaver, witness = '']: readonly string[]) => {
    const list = (await insist(rig.caller(witness), 'GET', '/api/chat/conversations')).data;
    return list[0].participants.find(({ _id }: { _id: string }) => _id === leaver).isOnline === false;
  };
  await Promise.all(
    groups.slice(0, WATCHED_GROUPS).map(({ members }) => eventually(() => isGone(members), 40_000, 500)),
  );
}

export const stampede: FaultRow = {
  id: 27,
  name: 'stampede',
  injection: 'kill -9 of a gateway that holds 2,000 sockets (short: 300), all of which come back at once',
  bar: 'all back within 30 s; MongoDB load at most 3x',
  times: { full: 1, short: 1 },
  proxies: { mongo: true },
  load: { groups: 3, members: 4, rate: 40 },
  async run(trial) {
    const { rig, short } = trial;
    const victim = rig.system.gateway[0];
    if (!victim || !rig.mongoProxy) throw new Error('there is no gateway, or no proxy');
    const alone = rig.only(0);
    const crowd = await gatherCrowd(rig, short ? 300 : 2_000, 'herd');
    alone.release();
    const commands = new MongoCommands(rig.mongoProxy);
    try {
      const before = await commands.perSecond(10_000);
      await victim.kill();
      const killedAt = performance.now();
      const during = commands.begin();
      await eventually(() => isBack(crowd.clients), 90_000, 50);
      const backMs = performance.now() - killedAt;
      const rate = during.perSecond();
      const problems: string[] = [];
      if (backMs > BACK_MS) problems.push(`the last one was back after ${duration(backMs)}`);
      if (rate > MONGO_FACTOR * before) problems.push(`MongoDB load rose to ${(rate / before).toFixed(1)}x`);
      const figure = `${crowd.clients.length} back after ${duration(backMs)}; ${Math.round(before)} MongoDB commands/s before, ${Math.round(rate)} meanwhile (${(rate / before).toFixed(1)}x)`;
      await victim.restart();
      return { injected: 1, figure, problems };
    } finally {
      commands.close();
      crowd.close();
    }
  },
};
