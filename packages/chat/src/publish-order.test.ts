import { expect, test, vi } from 'vitest';
import type { ChatStore } from './ports/repositories.ts';
import { publishTurn } from './publish-order.ts';

const emptyStore = () => ({}) as ChatStore;

/** A message that is under way: it has its seq. */
function underWay(store: ChatStore, conversationId = 'c') {
  const turn = publishTurn(store, conversationId);
  turn.enter();
  return turn;
}

test('a message waits for those before it in its conversation, and for no others', async () => {
  const store = emptyStore();
  const [first, second, third] = [underWay(store), underWay(store), underWay(store)];
  expect(first.wait()).toBeUndefined();
  expect(underWay(store, 'another').wait()).toBeUndefined();
  expect(underWay(emptyStore()).wait()).toBeUndefined();
  const order: number[] = [];
  const publish = async (seq: number, turn: typeof first) => {
    await turn.wait();
    order.push(seq);
    turn.leave();
  };
  const published = [publish(3, third), publish(2, second)];
  await Promise.resolve();
  expect(order).toEqual([]);
  await publish(1, first);
  await Promise.all(published);
  expect(order).toEqual([1, 2, 3]);
  expect(underWay(store).wait()).toBeUndefined();
});

test('who gives up, or takes another seq, holds nobody up', async () => {
  const store = emptyStore();
  const [first, second, third] = [underWay(store), underWay(store), underWay(store)];
  first.leave();
  first.leave();
  expect(second.wait()).toBeUndefined();
  second.enter();
  expect(third.wait()).toBeUndefined();
  const waiting = second.wait();
  third.leave();
  await waiting;
});

test('who gives up leaves those before it to the one behind, and to who comes next', async () => {
  const store = emptyStore();
  const [first, second, third, fourth] = [underWay(store), underWay(store), underWay(store), underWay(store)];
  second.leave();
  const passed: string[] = [];
  const waiting = third.wait()?.then(() => passed.push('third'));
  expect(waiting).toBeDefined();
  fourth.leave();
  third.leave();
  const fifth = underWay(store);
  const later = fifth.wait()?.then(() => passed.push('fifth'));
  expect(later).toBeDefined();
  await Promise.resolve();
  expect(passed).toEqual([]);
  first.leave();
  await Promise.all([later, waiting]);
  expect(passed).toContain('fifth');
  fifth.leave();
  expect(underWay(store).wait()).toBeUndefined();
});

test('a message whose insert hangs holds up those behind it for 100 ms, once', async () => {
  vi.useFakeTimers();
  try {
    const store = emptyStore();
    underWay(store);
    const [second, third] = [underWay(store), underWay(store)];
    const passed: number[] = [];
    const waiting = [
      second.wait()?.then(() => {
        passed.push(2);
        second.leave();
      }),
      third.wait()?.then(() => passed.push(3)),
    ];
    await vi.advanceTimersByTimeAsync(99);
    expect(passed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all(waiting);
    expect(passed).toEqual([2, 3]);
    third.leave();
    expect(underWay(store).wait()).toBeUndefined();
  } finally {
    vi.useRealTimers();
  }
});
