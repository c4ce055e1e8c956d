import { expect, it } from 'vitest';
import { createLeaseKeeper } from './lease-keeper.ts';
import type { Presence } from './presence.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

function setup(first: boolean) {
  const state = { renewed: first as boolean | Error, calls: [] as string[], reincarnated: 0, renewals: 0 };
  const lease = {
    instance: 'g.1',
    renew: async () => {
      if (state.renewed instanceof Error) throw state.renewed;
      return state.renewed;
    },
    reincarnate: async (users: string[]) => {
      state.calls.push(`reincarnate ${users.join()}`);
      state.renewed = true;
    },
    register: async () => {},
    unregister: async () => {},
    release: async () => {},
  };
  const presence = {
    held: () => ['ann', 'bob'],
    confirmAll: () => void state.calls.push('confirm'),
    retry: async () => {},
  } as unknown as Presence;
  const onReincarnated = () => {
    state.reincarnated += 1;
  };
  const onRenewed = () => {
    state.renewals += 1;
  };
  const options = { lease, presence, onReincarnated, onRenewed, log, renewMs: 20, retryMs: 10 };
  return { state, keeper: createLeaseKeeper(options) };
}

it('opens a lease if the bus came without one, and keeps the one that it has', async () => {
  for (const first of [false, true]) {
    const { state, keeper } = setup(first);
    await keeper.start();
    expect(state.calls).toEqual(first ? [] : ['reincarnate ']);
    await keeper.stop();
  }
});

it('registers everybody anew when the lease is gone', async () => {
  const { state, keeper } = setup(true);
  await keeper.start();
  await expect.poll(() => state.renewals).toBeGreaterThan(0);
  state.renewed = false;
  await expect.poll(() => state.reincarnated).toBe(1);
  expect(state.calls).toEqual(['reincarnate ann,bob', 'confirm']);
  await keeper.stop();
});

it('is not alive while the bus does not answer, and goes on when it does', async () => {
  const { state, keeper } = setup(true);
  await keeper.start();
  state.renewed = new Error('away');
  await expect.poll(() => keeper.idleMs()).toBeGreaterThan(100);
  state.renewed = true;
  await expect.poll(() => keeper.idleMs()).toBeLessThan(50);
  expect(state.calls).toEqual([]);
  await keeper.stop();
});
