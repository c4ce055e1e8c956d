import { clientEvents, routes } from '@confab/contracts';
import { eventually, tempDir } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type System, startSplit } from '../e2e/system.ts';
import { probesOf, unprobed } from './walk/walk.ts';
import { createWorld, leaveWorld, type World } from './walk/world.ts';

/* Every route and event of the contracts, asked by a stranger for what exists and is not hers, and for what does not exist. */

let system: System;
let world: World;
let folder: Awaited<ReturnType<typeof tempDir>>;
// A whole system starts and answers nearly two hundred calls: on a busy machine that takes a while.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  folder = await tempDir('walk');
  const secret = 'a-secret-for-links-of-more-than-32-characters';
  system = await startSplit({
    ...{
      MEDIA_PROVIDER: 'local',
      MEDIA_DIR: folder.path,
      MEDIA_SECRET: secret,
      MEDIA_PUBLIC_URL: 'http://127.0.0.1:1',
    },
  });
  world = await createWorld(system);
});
afterAll(async () => {
  if (world) leaveWorld(world);
  await system?.stop();
  await folder?.remove();
});

test('there are arguments for every route and event of the contracts', () => {
  expect(unprobed()).toEqual([]);
});

describe('for a stranger', () => {
  test('foreign and unknown ids have the same answer, on every route and event', async () => {
    // Reading history has it delivered, a moment later.
    const before = await eventually(async () => {
      const view = await viewOfMembers();
      expect(JSON.stringify(view)).not.toContain('"status":"sent"');
      return view;
    });
    const answers = [];
    for (const probe of probesOf(world)) {
      const [foreign, unknown] = [await probe.askForeign(), await probe.askUnknown()];
      expect(foreign, probe.name).toEqual(unknown);
      expect(foreign.body, probe.name).not.toContain('theirs');
      answers.push(`${probe.name}: ${foreign.status}`);
    }
    console.log(
      `${answers.length} ways to ask over ${Object.keys(routes).length} routes and ${Object.keys(clientEvents).length} events`,
    );
    expect(answers.filter((answer) => answer.endsWith(': 404')).length).toBeGreaterThan(15);
    expect(answers.filter((answer) => /: (5\d\d|INTERNAL|UNAVAILABLE)$/.test(answer))).toEqual([]);
    expect(await viewOfMembers()).toEqual(before);
  });

  test('the members were told nothing, and nothing of theirs reached her', async () => {
    const { ann, bob, eve, direct, group, own, eveDevice } = world;
    expect(await eveDevice.emit('send:message', { conversationId: own, text: 'after all' })).toMatchObject({
      success: true,
    });
    await eveDevice.event('new:message', ({ message }) => message.text === 'after all');
    for (const witness of world.witnesses) {
      const told = witness.received.filter(({ event }) => !event.startsWith('user:') && event !== 'message:delivered');
      expect(told).toEqual([]);
    }
    const received = JSON.stringify(world.eveDevice.received);
    for (const theirs of [direct, group, ann.id, bob.id]) expect(received).not.toContain(theirs);
    expect(received).toContain(eve.id);
  });

  test('without acks the error events are the same too', async () => {
    const { eveDevice, direct } = world;
    const errorFor = async (conversationId: string) => {
      const known = eveDevice.all('error').length;
      eveDevice.socket.emit('send:message', { conversationId, text: 'x' });
      return eveDevice.event('error', (error) => eveDevice.all('error').indexOf(error) >= known);
    };
    expect(await errorFor(direct)).toEqual(await errorFor('f'.repeat(24)));
  });
});

/** What Ann and Bob see of their things. */
async function viewOfMembers() {
  const { ann, bob, direct, group } = world;
  const stable = (value: unknown) => JSON.parse(JSON.stringify(value, (key, v) => (key === 'lastSeen' ? 0 : v)));
  const views = [ann, bob].flatMap((member) => [
    member.call('GET', '/api/chat/conversations').then(({ body }) => stable(body)),
    member.call('GET', '/api/chat/unread-count').then(({ body }) => body),
    ...[direct, group].map((id) =>
      member.call('GET', `/api/chat/conversation/${id}/membership`).then(({ body }) => body),
    ),
    member.history(direct).then((body) => stable(body)),
  ]);
  return Promise.all(views);
}
