import { ChatError, type Signal } from '@confab/contracts';
import { expect, it, vi } from 'vitest';
import { createFormerMembers } from './former-members.ts';
import type { GatewayServer, GatewaySocket } from './session.ts';
import { createTyping } from './typing.ts';

function setup() {
  const emitted: string[] = [];
  const sent: { event: string; to: readonly string[] }[] = [];
  // What Socket.IO does with an empty list of rooms: everybody gets it.
  const target = (rooms: string[]) => {
    const operator = {
      to: (more: string[]) => target([...rooms, ...more]),
      except: (room: string) => target(rooms.length ? rooms.filter((one) => one !== room) : []),
      emit: (event: string) => void emitted.push(`${event} to ${rooms.join() || 'everybody'}`),
      get volatile() {
        return operator;
      },
    };
    return operator;
  };
  const io = { local: target([]) } as unknown as GatewayServer;
  const signal = async (one: Omit<Signal, 'to'>, to: readonly string[]) => void sent.push({ event: one.event, to });
  let now = 0;
  const clock = { now: () => now };
  const formerMembers = createFormerMembers(clock.now);
  /** Who the api says are members; null: it does not answer. */
  const members: { now: string[] | null } = { now: null };
  const participantsNow = async () => {
    if (members.now === null) throw new ChatError('UNAVAILABLE');
    if (!members.now.includes('ann')) throw new ChatError('NOT_FOUND');
    return members.now;
  };
  const typing = createTyping({ io, signals: { signal }, formerMembers, participantsNow, clock });
  const data = { identity: { userId: 'ann' }, typing: new Map(), ended: false };
  const socket = { connected: true, data } as unknown as GatewaySocket;
  const advance = (ms: number) => {
    now += ms;
  };
  return { typing, socket, sent, emitted, advance, members, formerMembers };
}

it('tells the others, throttled, and tells the same ones of the stop', () => {
  const { typing, socket, sent, advance } = setup();
  typing.started(socket, 'c1', ['ann', 'bob']);
  typing.started(socket, 'c1', ['ann', 'bob']);
  advance(2_000);
  typing.started(socket, 'c1', ['ann', 'bob', 'cyd']);
  typing.left(socket, 'c1');
  typing.left(socket, 'c1');
  expect(sent).toEqual([
    { event: 'typing:start', to: ['bob'] },
    { event: 'typing:start', to: ['bob', 'cyd'] },
    { event: 'typing:stop', to: ['bob', 'cyd'] },
  ]);
});

it('stops everywhere when the socket goes, and types in 20 conversations at most', () => {
  const { typing, socket, sent } = setup();
  for (let i = 0; i < 30; i += 1) typing.started(socket, `c${i}`, ['ann', 'bob']);
  typing.gone(socket);
  expect(sent.filter(({ event }) => event === 'typing:start')).toHaveLength(20);
  expect(sent.filter(({ event }) => event === 'typing:stop')).toHaveLength(20);
});

it('shows a signal to those that it names, and to nobody if it names nobody', () => {
  const { typing, emitted } = setup();
  typing.show({ event: 'typing:start', to: [], conversationId: 'c1', userId: 'ann' });
  typing.show({ event: 'typing:start', to: ['ann'], conversationId: 'c1', userId: 'ann' });
  typing.show({ event: 'typing:stop', to: ['bob', 'ann'], conversationId: 'c1', userId: 'ann' });
  expect(emitted).toEqual(['typing:stop to user:bob']);
});

it('who was removed here is shown nothing more, whatever other gateways still send, until they are added again or it is over', () => {
  const { typing, emitted, formerMembers, advance } = setup();
  const stop: Signal = { event: 'typing:stop', to: ['bob', 'cyd'], conversationId: 'c1', userId: 'ann' };
  formerMembers.changed('c1', ['bob'], 'member-removed');
  typing.show(stop);
  typing.show({ ...stop, to: ['bob'] });
  typing.show({ ...stop, to: ['bob'], conversationId: 'c2' });
  expect(emitted.splice(0)).toEqual(['typing:stop to user:cyd', 'typing:stop to user:bob']);
  formerMembers.changed('c1', ['bob'], 'member-added');
  typing.show({ ...stop, to: ['bob'] });
  expect(emitted.splice(0)).toEqual(['typing:stop to user:bob']);
  formerMembers.changed('c1', ['bob'], 'member-removed');
  advance(30_000);
  typing.show({ ...stop, to: ['bob'] });
  expect(emitted).toEqual(['typing:stop to user:bob']);
});

it.each([
  ['15 s after the start', (t: ReturnType<typeof setup>) => t.advance(15_000)],
  ['where news of members may have been lost', (t: ReturnType<typeof setup>) => t.typing.doubt()],
])('%s, only those are told of the stop who are members then', async (_when, comeAbout) => {
  const t = setup();
  t.typing.started(t.socket, 'c1', ['ann', 'bob', 'cyd']);
  comeAbout(t);
  t.members.now = ['ann', 'cyd', 'dan'];
  t.typing.left(t.socket, 'c1');
  await vi.waitFor(() => expect(t.sent.at(-1)).toEqual({ event: 'typing:stop', to: ['cyd'] }));
});

it('while nobody can say who is a member, those who were told of the start are told of the stop', async () => {
  const t = setup();
  t.typing.started(t.socket, 'c1', ['ann', 'bob']);
  t.typing.doubt();
  t.typing.gone(t.socket);
  await vi.waitFor(() => expect(t.sent.at(-1)).toEqual({ event: 'typing:stop', to: ['bob'] }));
});

it('who is a member no more tells nobody', async () => {
  const t = setup();
  t.typing.started(t.socket, 'c1', ['ann', 'bob']);
  t.typing.doubt();
  t.members.now = ['bob'];
  t.typing.left(t.socket, 'c1');
  await vi.waitFor(() => expect(t.sent.at(-1)).toEqual({ event: 'typing:stop', to: [] }));
});

it('tells nobody of a start whose socket was gone by the time its members were known', () => {
  const { typing, socket, sent } = setup();
  for (const gone of [
    Object.assign(socket, { connected: false }),
    Object.assign(socket, { connected: true, data: { ...socket.data, ended: true } }),
  ]) {
    typing.started(gone, 'c', ['ann', 'bob']);
  }
  expect(sent).toEqual([]);
});

it('takes the place of the conversation where nothing was typed for the longest, if that was ten seconds', () => {
  const { typing, socket, sent, advance } = setup();
  for (let i = 0; i < 20; i++) {
    typing.started(socket, `c${i}`, ['ann', 'bob']);
    advance(100);
  }
  typing.started(socket, 'c0', ['ann', 'bob']);
  sent.length = 0;
  typing.started(socket, 'c20', ['ann', 'bob']);
  expect(sent).toEqual([]);
  advance(8_100);
  typing.started(socket, 'c20', ['ann', 'bob']);
  expect(sent.map(({ event }) => event)).toEqual(['typing:stop', 'typing:start']);
  expect([...socket.data.typing.keys()].slice(0, 2)).toEqual(['c2', 'c3']);
});
