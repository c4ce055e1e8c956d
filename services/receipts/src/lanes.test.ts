import { expect, test } from 'vitest';
import { inLanes } from './lanes.ts';

const event = (key: string, n: number) => ({ key, n });
const keyOf = ({ key }: { key: string }) => key;

test('events of one key come one after the other in their order, those of others at the same time', async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const running = inLanes([event('a', 1), event('a', 2), event('b', 1)], keyOf, async ({ key, n }) => {
    log.push(`${key}${n}`);
    if (key === 'a' && n === 1) await gate.promise;
    if (key === 'b') gate.resolve();
  });
  await running;
  expect(log).toEqual(['a1', 'b1', 'a2']);
});

test('a failure is told when nothing is under way any more, and nothing is begun after it', async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const running = inLanes([event('a', 1), event('a', 2), event('b', 1)], keyOf, async ({ key, n }) => {
    if (key === 'b') await gate.promise;
    log.push(`${key}${n}`);
    if (key === 'a') throw new Error('store is away');
  });
  const told = running.catch((error: Error) => log.push(error.message));
  gate.resolve();
  await told;
  expect(log).toEqual(['a1', 'b1', 'store is away']);
});

test('more keys than lanes are all done', async () => {
  const done = new Set<string>();
  const events = Array.from({ length: 100 }, (_, i) => event(`key${i}`, i));
  await inLanes(events, keyOf, async ({ key }) => void done.add(key));
  expect(done.size).toBe(100);
});
