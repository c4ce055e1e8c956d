import { expect, test } from 'vitest';
import { Handoff } from './handoff.ts';

test('a producer waits until its value is taken', async () => {
  const handoff = new Handoff<string>();
  const order: string[] = [];
  const offered = handoff.offer('a').then(() => order.push('offer done'));
  order.push('before');
  expect(await handoff.take()).toEqual({ done: false, value: 'a' });
  await offered;
  expect(order).toEqual(['before', 'offer done']);
});

test('values go to consumers in the order in which both came', async () => {
  const handoff = new Handoff<number>();
  const taken = [handoff.take(), handoff.take()];
  await handoff.offer(1);
  await handoff.offer(2);
  expect((await Promise.all(taken)).map((result) => result.value)).toEqual([1, 2]);
});

test('close lets everybody go', async () => {
  const waitingForOffer = new Handoff<number>();
  const taken = waitingForOffer.take();
  waitingForOffer.close();
  expect(await taken).toEqual({ done: true, value: undefined });
  const waitingForTaker = new Handoff<number>();
  const offered = waitingForTaker.offer(1);
  waitingForTaker.close();
  await offered;
  expect(await waitingForTaker.take()).toEqual({ done: true, value: undefined });
  await waitingForTaker.offer(2);
});
