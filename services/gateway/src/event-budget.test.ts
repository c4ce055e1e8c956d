import { expect, it } from 'vitest';
import { EventBudget } from './event-budget.ts';

it('allows a burst, then its rate, and fills up again', () => {
  let now = 0;
  const budget = new EventBudget({ perSecond: 2, burst: 4, now: () => now });
  const taken = () => Array.from({ length: 10 }, () => budget.take()).filter(Boolean).length;
  expect(taken()).toBe(4);
  now += 1_000;
  expect(taken()).toBe(2);
  now += 60_000;
  expect(taken()).toBe(4);
});

it('counts refusals in a row', () => {
  let now = 0;
  const budget = new EventBudget({ perSecond: 1, burst: 1, now: () => now });
  budget.take();
  for (let i = 0; i < 3; i += 1) budget.take();
  expect(budget.refusedInARow).toBe(3);
  now += 1_000;
  budget.take();
  expect(budget.refusedInARow).toBe(0);
});

it('gives nothing for a clock that goes back', () => {
  let now = 1_000;
  const budget = new EventBudget({ perSecond: 1, burst: 1, now: () => now });
  budget.take();
  now = 0;
  expect(budget.take()).toBe(false);
});
