import { expect, test } from 'vitest';
import type { MessageRepository } from './ports/repositories.ts';
import { countingVoidsOnce } from './void-counts.ts';

/** Voids in memory; notes what is counted. */
function voids() {
  const seqs: number[] = [];
  const asked: number[] = [];
  let failing = false;
  let now = 0;
  const inner = {
    countVoids: async (_id: string, aboveSeq: number) => {
      asked.push(aboveSeq);
      if (failing) throw new Error('away');
      return seqs.filter((seq) => seq > aboveSeq).length;
    },
    fillVoid: async (_id: string, seq: number) => seqs.push(seq) > 0,
  } as Partial<MessageRepository> as MessageRepository;
  return {
    messages: countingVoidsOnce(inner, { now: () => now }),
    ...{ seqs, asked },
    advance: (ms: number) => {
      now += ms;
    },
    fail: (fails: boolean) => {
      failing = fails;
    },
  };
}

test('pages that are read together, and for two seconds, count once', async () => {
  const { messages, seqs, asked, advance } = voids();
  seqs.push(3);
  expect(await Promise.all([messages.countVoids('a', 0), messages.countVoids('a', 0)])).toEqual([1, 1]);
  advance(1_999);
  expect(await messages.countVoids('a', 0)).toBe(1);
  expect(asked).toEqual([0]);
  await messages.countVoids('b', 0);
  expect(asked).toEqual([0, 0]);
});

test('a void of another process shows after two seconds, one of this process at once', async () => {
  const { messages, seqs, advance } = voids();
  expect(await messages.countVoids('a', 0)).toBe(0);
  seqs.push(7);
  advance(2_000);
  expect(await messages.countVoids('a', 0)).toBe(1);
  await messages.fillVoid('a', 9, new Date());
  expect(await messages.countVoids('a', 0)).toBe(2);
});

test('what is counted above a seq is counted each time', async () => {
  const { messages, asked } = voids();
  await messages.countVoids('a', 5);
  await messages.countVoids('a', 5);
  expect(asked).toEqual([5, 5]);
});

test('a count that failed is made again', async () => {
  const { messages, fail } = voids();
  fail(true);
  await expect(messages.countVoids('a', 0)).rejects.toThrow('away');
  fail(false);
  expect(await messages.countVoids('a', 0)).toBe(0);
});
