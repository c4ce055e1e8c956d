import { expect, test } from 'vitest';
import { SeqForecasts } from './seq-forecasts.ts';

const at = (seq: number, participants = ['alice', 'bob']) => ({ seq, participants });

test('a forecast is for one use, until it is confirmed', () => {
  const forecasts = new SeqForecasts();
  forecasts.learn('c', at(4));
  expect(forecasts.has('c', 'alice')).toBe(true);
  expect(forecasts.use('c')).toEqual(at(4));
  expect(forecasts.has('c', 'alice')).toBe(false);
  forecasts.confirm('c', at(5));
  expect(forecasts.use('c')).toEqual(at(5));
});

test('a stranger has none, nor has a conversation of many', () => {
  const forecasts = new SeqForecasts();
  const many = Array.from({ length: 21 }, (_, i) => `u${i}`);
  forecasts.learn('small', at(1));
  forecasts.learn('large', at(1, many));
  expect(forecasts.has('small', 'mallory')).toBe(false);
  expect(forecasts.has('large', 'u0')).toBe(false);
});

test('an answer that comes late does not put it back', () => {
  const forecasts = new SeqForecasts();
  forecasts.learn('c', at(7));
  forecasts.learn('c', at(6));
  expect(forecasts.use('c')).toEqual(at(7));
});

test('after misses in a row it goes without for longer each time, and less long after hits', () => {
  const forecasts = new SeqForecasts();
  const without = () => {
    let takes = 0;
    for (; !forecasts.has('c', 'alice'); takes++) forecasts.learn('c', at(takes));
    forecasts.use('c');
    return takes - 1;
  };
  const doubts = Array.from({ length: 6 }, () => {
    forecasts.miss('c');
    return without();
  });
  expect(doubts).toEqual([4, 8, 16, 32, 64, 64]);
  forecasts.confirm('c', at(1_000));
  forecasts.confirm('c', at(1_001));
  forecasts.confirm('c', at(1_002));
  forecasts.miss('c');
  expect(without()).toBe(16);
});

test('who takes part stays known while the forecast is in use and while it is doubted', () => {
  const forecasts = new SeqForecasts();
  expect(forecasts.isStranger('c', 'mallory')).toBe(false);
  forecasts.learn('c', at(4));
  forecasts.use('c');
  expect([forecasts.isStranger('c', 'mallory'), forecasts.isStranger('c', 'bob')]).toEqual([true, false]);
  forecasts.miss('c');
  expect(forecasts.isStranger('c', 'mallory')).toBe(true);
  forecasts.learn('c', at(5, ['alice', 'mallory']));
  expect([forecasts.isStranger('c', 'mallory'), forecasts.isStranger('c', 'bob')]).toEqual([false, true]);
});
