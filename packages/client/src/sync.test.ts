import { expect, it } from 'vitest';
import { SyncRunner, type SyncSteps } from './sync.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';

function setUp(steps: Partial<SyncSteps> = {}) {
  const environment = new ManualEnvironment();
  const asked: string[] = [];
  const sync = new SyncRunner(environment, {
    list: async () => void asked.push('list'),
    known: () => [],
    fetch: async () => {
      asked.push('sync');
      return { conversations: [], left: [], more: false };
    },
    apply: () => 0,
    done: () => undefined,
    failed: () => undefined,
    ...steps,
  });
  return { environment, sync, asked };
}

it('asks for nothing before it is opened and after it was stopped, whoever requests it', async () => {
  const { environment, sync, asked } = setUp();
  sync.request('list');
  await environment.advance(60_000);
  expect(asked).toEqual([]);
  sync.open();
  await environment.advance(0);
  expect(asked).toEqual(['list', 'sync']);
  sync.stop();
  sync.request('list');
  await environment.advance(60_000);
  expect([asked.length, sync.pending]).toEqual([2, false]);
});
