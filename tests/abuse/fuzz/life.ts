import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../../e2e/person.ts';
import { createRandom, type Random } from '../../faults/random.ts';
import { type FuzzWorld, markOf } from './world.ts';

/** Milliseconds between two steps in one group. */
const PAUSE_MS = 60;

/** What goes on in the groups meanwhile: members come and go, and somebody writes, types, reads and deletes. */
export function startLife(world: FuzzWorld, seed: number): { stop(): Promise<number> } {
  let running = true;
  let changes = 0;
  const loops = world.groups.map(async (group, index) => {
    const random = createRandom(seed * 31 + index);
    while (running) {
      if (random.next() < 0.35) changes += await changeMembers(world, group, random);
      else await say(world, group, random);
      await sleep(PAUSE_MS);
    }
  });
  return {
    async stop() {
      running = false;
      await Promise.all(loops);
      return changes;
    },
  };
}

async function changeMembers(
  { ledger, fuzzers }: FuzzWorld,
  { id, owner }: { id: string; owner: Person },
  random: Random,
): Promise<number> {
  const who = random.pick(fuzzers);
  const since = performance.now();
  if (random.next() < 0.5) {
    const { status, body } = await owner.call('POST', `/api/chat/conversation/${id}/members`, { userIds: [who.id] });
    if (status === 200)
      ledger.members(
        id,
        body.data.participants.map(({ _id }: { _id: string }) => _id),
        since,
      );
    return 1;
  }
  const { status } = await owner.call('DELETE', `/api/chat/conversation/${id}/members/${encodeURIComponent(who.id)}`);
  if (status === 200) ledger.left(id, who.id, performance.now());
  return 1;
}

async function say(
  { devices }: FuzzWorld,
  { id, owner }: { id: string; owner: Person },
  random: Random,
): Promise<void> {
  const device = devices.find(({ person }) => person === owner)?.device;
  const conversationId = id;
  const what = random.between(0, 4);
  if (what === 0) device?.socket.emit('typing:start', { conversationId });
  else if (what === 1) device?.socket.emit('typing:stop', { conversationId });
  else if (what === 2) await owner.call('POST', '/api/chat/messages/read', { conversationId });
  else {
    const { body } = await owner.call('POST', '/api/chat/message', {
      conversationId,
      text: `${markOf(id)} ${random.next()}`,
    });
    if (what === 3 && body.data)
      await owner.call('DELETE', `/api/chat/message/${body.data._id}`, { deleteForEveryone: true });
  }
}
