import { expect, test } from 'vitest';
import { SeqTurns } from './seq-turns.ts';

test('what waits has the next turn together, in the order of its tickets', () => {
  const turns = new SeqTurns<string>();
  const [early, late] = [turns.ticket(), turns.ticket()];
  turns.begin('c');
  turns.wait('c', late, 'late');
  turns.wait('c', early, 'early');
  turns.wait('c', turns.ticket(), 'latest');
  expect(turns.end('c')).toEqual(['early', 'late', 'latest']);
  expect(turns.isTaken('c')).toBe(true);
  expect(turns.end('c')).toEqual([]);
  expect(turns.isTaken('c')).toBe(false);
});

test('what is taken out of the queue has no turn, and the turn goes on', () => {
  const turns = new SeqTurns<string>();
  turns.begin('c');
  turns.wait('c', turns.ticket(), 'one');
  expect(turns.drain('c')).toEqual(['one']);
  expect(turns.isTaken('c')).toBe(true);
  expect(turns.end('c')).toEqual([]);
});

test('nobody waits where it is nobody’s turn', () => {
  const turns = new SeqTurns<string>();
  expect(() => turns.wait('c', turns.ticket(), 'one')).toThrow('nobody');
});
