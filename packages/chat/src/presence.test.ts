import { type PresenceReceipt, STREAM_VERSION } from '@confab/contracts';
import { expect, it } from 'vitest';
import { applyPresence, settleOffline } from './presence.ts';

/** One contact, and a directory of which the test says what it holds. */
function setUp() {
  const state = { online: false, claims: false };
  const told: string[] = [];
  const steps: { onLastSeen?: () => void } = {};
  const ctx = {
    clock: { now: () => 1_000 },
    ids: { token: () => 't' },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    contacts: { meet: async () => {} },
    publisher: { publish: async ({ event }: { event: string }) => void told.push(event) },
    store: {
      users: { setLastSeen: async () => steps.onLastSeen?.() },
      conversations: { contactsOf: async () => ['alice'] },
    },
    registry: {
      claimOnline: async () => state.claims,
      claimOffline: async () => !state.online,
      onlineAmong: async () => new Set(state.online ? ['bob'] : []),
      dueOfflineChecks: async (now: number) => (now === 1_000 ? ['bob'] : []),
      settleOfflineCheck: async () => {},
    },
  } as unknown as Parameters<typeof settleOffline>[0];
  return { ctx, state, told, steps };
}

const connected = {
  ...{ v: STREAM_VERSION, id: 'r', at: 0, traceId: 't' },
  ...{ type: 'presence', userId: 'bob', state: 'connected' },
} as PresenceReceipt;

it('tells once more of somebody whose first teller died, and not of one who has gone since', async () => {
  const { ctx, state, told } = setUp();
  await applyPresence(ctx, connected, false);
  await applyPresence(ctx, connected, true);
  expect(told).toEqual([]);
  state.online = true;
  await applyPresence(ctx, connected, true);
  expect(told).toEqual(['user:online']);
});

it('has the last word on somebody who came back while they were told offline', async () => {
  const { ctx, state, told, steps } = setUp();
  steps.onLastSeen = () => {
    // Another worker applies their connection in between.
    state.online = true;
    told.push('user:online');
  };
  expect(await settleOffline(ctx)).toBe(1);
  expect(told).toEqual(['user:online', 'user:offline', 'user:online']);
});
