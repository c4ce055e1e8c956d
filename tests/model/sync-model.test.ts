import { expect, test } from 'vitest';
import { checkSyncModel } from './sync-model.ts';

test('no order of steps and crashes lets a sync cursor pass a write in flight', { timeout: 240_000 }, () => {
  const { states, broken } = checkSyncModel('design');
  expect(broken).toBeNull();
  expect(states).toBeGreaterThan(300_000);
});

test.each(['one-mark', 'stamp-only', 'counters-last', 'past-holes'] as const)(
  'the model finds the order of steps in which %s loses something',
  (variant) => {
    const { broken } = checkSyncModel(variant);
    expect(broken?.why).toMatch(/the client has/);
    expect(broken?.order.length).toBeGreaterThan(0);
  },
);
