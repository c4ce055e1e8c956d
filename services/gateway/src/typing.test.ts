import type { Signal } from '@confab/contracts';
import { expect, it } from 'vitest';
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
  const typing = createTyping(io, { signal }, { now: () => now });
  const socket = { data: { identity: { userId: 'ann' }, typing: new Map() } } as unknown as GatewaySocket;
  const advance = (ms: number) => {
    now += ms;
  };
  return { typing, socket, sent, emitted, advance };
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
