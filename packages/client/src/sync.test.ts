import type { Conversation } from '@confab/contracts';
import { expect, it } from 'vitest';
import { SyncRunner, type SyncSteps } from './sync.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { conversation } from './testing/records.ts';

function setUp(steps: Partial<SyncSteps> = {}) {
  const environment = new ManualEnvironment();
  const asked: string[] = [];
  const sync = new SyncRunner(environment, {
    list: async () => {
      asked.push('list');
      return [];
    },
    applyList: () => undefined,
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

it('does not apply a list that it asked for before it was stopped', async () => {
  const replies: ((list: Conversation[]) => void)[] = [];
  const applied: (readonly Conversation[])[] = [];
  const { environment, sync } = setUp({
    list: () => new Promise((resolve) => replies.push(resolve)),
    applyList: (list) => applied.push(list),
  });
  sync.open();
  sync.stop();
  sync.open();
  const [before, after] = [[conversation(1)], []];
  replies[1]?.(after);
  await environment.advance(0);
  replies[0]?.(before);
  await environment.advance(0);
  expect(applied).toEqual([after]);
});
