import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import { duration } from '../figures.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import type { Trial } from '../row.ts';
import { type Crowd, gatherCrowd } from './idle-sockets.ts';

const SOCKETS = 50;
/** Longer than the lease of 12 s and the reaper's poll. */
const FROZEN_MS = 14_000;
/** Longer than the worker's 3 s of grace before it announces that a user is offline. */
const WATCHED_MS = 5_000;

/**
 * Freezes a gateway for longer than its lease: everybody whom it holds finds another one. Then it wakes, and must not take them for gone.
 * @returns when everybody was back on another gateway with what was said meanwhile, and what went wrong after the wake
 */
export async function freezeOnce({ rig, load }: Trial): Promise<{ figure: string; problems: string[] }> {
  const [victim] = rig.system.gateway;
  if (!victim) throw new Error('there is no gateway');
  const alone = rig.only(0);
  const crowd = await gatherCrowd(rig, SOCKETS, 'frozen');
  alone.release();
  load.adopt(crowd.groups, crowd.clients);
  victim.signal('SIGSTOP');
  const frozenAt = performance.now();
  let backMs = 0;
  let wokenAt = Number.POSITIVE_INFINITY;
  try {
    const said = await Promise.all(
      crowd.groups.map(({ id, members }) => load.sendByRest(members[0] ?? '', id, 'frozen')),
    );
    const back = () =>
      crowd.clients.every(
        ({ connected, connections, known }) => connected && connections > 1 && said.some((id) => known.has(id ?? '')),
      );
    await eventually(back, 60_000, 50);
    await eventually(async () => (await shownOffline(rig, crowd)).length === 0, 10_000, 200);
    backMs = performance.now() - frozenAt;
    await sleep(Math.max(0, FROZEN_MS - backMs));
  } finally {
    wokenAt = Date.now();
    victim.signal('SIGCONT');
  }
  const problems = await watchTheWake(rig, crowd, wokenAt);
  return {
    figure: `${SOCKETS} of a frozen gateway were back with everything after ${duration(backMs)}, and present when it woke`,
    problems,
  };
}

/** Announcements that somebody of them went offline, and who is shown so in the end. */
async function watchTheWake(rig: Rig, { clients, groups }: Omit<Crowd, 'close'>, wokenAt: number): Promise<string[]> {
  const members = new Set(clients.map(({ userId }) => userId));
  const announced = new Set<string>();
  for (const { socket } of clients) {
    socket.on('user:offline', ({ userId }: { userId: string }) => members.has(userId) && announced.add(userId));
  }
  const [victim] = rig.services.filter(({ kind }) => kind === 'gateway');
  const isNew = () =>
    victim &&
    rig.logLines(victim).some(({ time, msg }) => time >= wokenAt && msg.startsWith('the lease or the inbox is gone'));
  await eventually(() => isNew() === true, 10_000);
  await sleep(WATCHED_MS);
  const shown = await shownOffline(rig, { groups });
  return [
    ...[...announced].map((userId) => `${userId} was announced offline after the gateway woke`),
    ...shown.map((userId) => `${userId} is shown offline after the gateway woke`),
  ];
}

/** Members whom another member of their group is shown as offline. */
async function shownOffline(rig: Rig, { groups }: Pick<Crowd, 'groups'>): Promise<string[]> {
  const shown = await Promise.all(
    groups.flatMap(({ members }) =>
      members.slice(0, 2).map(async (witness) => {
        const list = (await insist(rig.caller(witness), 'GET', '/api/chat/conversations')).data;
        return (list[0].participants as { _id: string; isOnline: boolean }[])
          .filter(({ _id, isOnline }) => _id !== witness && !isOnline)
          .map(({ _id }) => _id);
      }),
    ),
  );
  return [...new Set(shown.flat())];
}
