import { ChatError } from '@confab/contracts';
import { expect, test } from 'vitest';
import { StreamSlots } from './stream-slots.ts';

const overloaded = new ChatError('OVERLOADED', { retryAfter: 1 });

test('an owner has a part of all slots, and the others have theirs', () => {
  const slots = new StreamSlots({ total: 3, each: 2 });
  slots.take('ann');
  slots.take('ann');
  expect(() => slots.take('ann')).toThrow(overloaded);
  slots.take('bob');
  expect(() => slots.take('carol')).toThrow(overloaded);
});

test('a slot is free again once it was given back, and giving it back twice frees one', () => {
  const slots = new StreamSlots({ total: 2, each: 1 });
  const giveBack = slots.take('ann');
  slots.take('bob');
  giveBack();
  giveBack();
  slots.take('ann');
  expect(() => slots.take('carol')).toThrow(overloaded);
});
