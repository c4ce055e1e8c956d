import { expect, it } from 'vitest';
import { createPresence } from './presence.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

function setup() {
  const calls: string[] = [];
  const told: string[] = [];
  const state = { failing: false };
  const call = (name: string) => async (userId: string) => {
    calls.push(`${name} ${userId}`);
    if (state.failing) throw new Error('the directory is away');
  };
  const lease = {
    instance: 'g.1',
    register: call('register'),
    unregister: call('unregister'),
    renew: async () => true,
    reincarnate: async () => {},
    release: async () => {},
  };
  const outbox = {
    add: (...events: object[]) => void told.push(...events.map((event) => (event as { state: string }).state)),
    waiting: 0,
    dropped: 0,
    flush: async () => {},
    close: () => {},
  };
  const presence = createPresence({ lease, outbox, clock: { now: () => 0 }, newId: () => 'id', log });
  return { presence, calls, told, state };
}
const ann = { userId: 'ann', profile: {} };

it('registers with the first connection and unregisters with the last', async () => {
  const { presence, calls, told } = setup();
  const first = await presence.acquire(ann);
  const second = await presence.acquire(ann);
  first();
  first();
  await presence.settle(1_000);
  expect(calls).toEqual(['register ann']);
  second();
  await presence.settle(1_000);
  expect(calls).toEqual(['register ann', 'unregister ann']);
  expect(told).toEqual(['connected', 'disconnected']);
  expect(presence.users).toBe(0);
});

it('does not let a departure overtake an arrival, or the other way round', async () => {
  const { presence, calls } = setup();
  for (let i = 0; i < 5; i += 1) {
    const release = presence.acquire(ann);
    (await release)();
  }
  const release = await presence.acquire(ann);
  await presence.settle(1_000);
  expect(calls.at(-1)).toBe('register ann');
  expect(presence.held()).toEqual(['ann']);
  release();
});

it('does not count a connection that the directory did not take, and clears up what it may have taken', async () => {
  const { presence, calls, told, state } = setup();
  state.failing = true;
  await expect(presence.acquire(ann)).rejects.toThrow('away');
  expect(presence.held()).toEqual([]);
  await presence.settle(1_000);
  state.failing = false;
  await presence.retry();
  expect(calls.at(-1)).toBe('unregister ann');
  expect(told).toEqual(['disconnected']);
  expect(presence.users).toBe(0);
});

it('says again who is here after a new incarnation', async () => {
  const { presence, told } = setup();
  await presence.acquire(ann);
  presence.confirmAll();
  expect(told).toEqual(['connected', 'connected']);
});
