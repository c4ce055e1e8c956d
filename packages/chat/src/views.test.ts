import { describe, expect, test } from 'vitest';
import { lowestTwo, senderView, watermarksOf } from './views.ts';

const row = (userId: string, deliveredSeq: number, readSeq: number) => ({ userId, deliveredSeq, readSeq });

describe('the status of a message', () => {
  const pair = ['alice', 'bob'];
  test('is sent until the other has it, delivered until they read it', () => {
    const status = (delivered: number, read: number) =>
      watermarksOf(pair, [row('bob', delivered, read)]).statusOf({ seq: 5, senderId: 'alice' });
    expect(status(4, 0)).toBe('sent');
    expect(status(5, 4)).toBe('delivered');
    expect(status(9, 5)).toBe('read');
  });

  test('does not depend on the watermarks of its sender', () => {
    const marks = watermarksOf(pair, [row('alice', 0, 0), row('bob', 5, 5)]);
    expect(marks.statusOf({ seq: 5, senderId: 'alice' })).toBe('read');
    expect(marks.statusOf({ seq: 5, senderId: 'bob' })).toBe('sent');
  });

  test('counts as delivered what was read, even if no delivery was ever noted', () => {
    const marks = watermarksOf(['alice', 'bob', 'carol'], [row('bob', 0, 5), row('carol', 5, 0)]);
    expect(marks.statusOf({ seq: 5, senderId: 'alice' })).toBe('delivered');
  });

  test('in a group it takes everybody; a member without a row has nothing', () => {
    const group = ['alice', 'bob', 'carol'];
    expect(watermarksOf(group, [row('bob', 9, 9)]).statusOf({ seq: 1, senderId: 'alice' })).toBe('sent');
    expect(watermarksOf(group, [row('bob', 9, 9), row('carol', 1, 0)]).statusOf({ seq: 1, senderId: 'alice' })).toBe(
      'delivered',
    );
  });

  test('stays when the last other member leaves, and is that of who had come furthest', () => {
    const rows = [row('alice', 9, 9), row('bob', 5, 3), row('carol', 4, 4)];
    const statusIn = (participants: string[]) => (seq: number) =>
      watermarksOf(participants, rows).statusOf({ seq, senderId: 'alice' });
    expect([3, 4, 5, 6].map(statusIn(['alice', 'bob', 'carol']))).toEqual(['read', 'delivered', 'sent', 'sent']);
    expect([3, 4, 5, 6].map(statusIn(['alice', 'bob']))).toEqual(['read', 'delivered', 'delivered', 'sent']);
    expect([3, 4, 5, 6].map(statusIn(['alice']))).toEqual(['read', 'read', 'delivered', 'sent']);
  });

  test('of a message of somebody who left is that of the one who is still there', () => {
    const marks = watermarksOf(['alice'], [row('alice', 2, 1), row('bob', 9, 9)]);
    expect([1, 2, 3].map((seq) => marks.statusOf({ seq, senderId: 'bob' }))).toEqual(['read', 'delivered', 'sent']);
  });

  test('of a message to nobody stays sent', () => {
    expect(watermarksOf(['alice'], []).statusOf({ seq: 1, senderId: 'alice' })).toBe('sent');
  });
});

test('the lowest of all but one is right for every one, equal values too', () => {
  const values: Record<string, number> = { a: 3, b: 1, c: 1, d: 7 };
  const lowest = lowestTwo(Object.keys(values), (id) => values[id] ?? 0);
  for (const left of Object.keys(values)) {
    const others = Object.entries(values).filter(([id]) => id !== left);
    expect(lowest.withoutUser(left)).toBe(Math.min(...others.map(([, value]) => value)));
  }
});

test('a user has a name to show, whatever is known of them', () => {
  const user = (profile: object) => ({ id: 'u1', profile, lastSeen: null });
  expect(senderView('u1', undefined).name).toBe('u1');
  expect(senderView('u1', user({ firstName: 'Ada' })).name).toBe('Ada');
  expect(senderView('u1', user({ firstName: 'Ada', lastName: 'L' })).name).toBe('Ada L');
  expect(senderView('u1', user({ firstName: 'Ada', name: 'The Countess' })).name).toBe('The Countess');
});
