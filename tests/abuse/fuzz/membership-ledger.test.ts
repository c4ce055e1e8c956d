import { expect, test } from 'vitest';
import { MembershipLedger } from './membership-ledger.ts';

test('an event before, between and after the stays of a user is a violation, one during a stay or on its way is not', () => {
  const ledger = new MembershipLedger();
  ledger.members('c', ['ann'], 100);
  ledger.members('c', ['ann'], 150);
  ledger.left('c', 'ann', 200);
  ledger.left('c', 'ann', 250);
  ledger.members('c', ['ann'], 500);
  for (const at of [50, 100, 205, 215, 400, 500, 900]) {
    ledger.named.push({ at, userId: 'ann', conversationId: 'c', event: 'new:message' });
  }
  ledger.named.push({ at: 150, userId: 'bob', conversationId: 'c', event: 'new:message' });
  expect(ledger.violations({ afterNewsMs: 5, newsMs: 10 }).map(({ userId, at }) => `${userId} ${at}`)).toEqual([
    'ann 50',
    'ann 215',
    'ann 400',
    'bob 150',
  ]);
  expect(ledger.neverIn('bob', ['c', 'd'])).toEqual(['c', 'd']);
  expect(ledger.neverIn('ann', ['c', 'd'])).toEqual(['d']);
});

test('behind the news that they are out nothing of typing may come, and the rest within its time', () => {
  const ledger = new MembershipLedger();
  ledger.members('c', ['ann'], 0);
  ledger.left('c', 'ann', 100);
  const came = (event: string, at: number, toldAt?: number) =>
    ledger.named.push({ at, userId: 'ann', conversationId: 'c', event, toldAt });
  came('typing:stop', 95, 90);
  came('typing:stop', 141, 140);
  came('message:deleted', 145, 140);
  came('message:deleted', 146, 140);
  came('typing:stop', 130);
  came('new:message', 151);
  const tolerance = { afterNewsMs: 5, newsMs: 50 };
  expect(ledger.violations(tolerance).map(({ event, at }) => `${event} ${at}`)).toEqual([
    'typing:stop 141',
    'message:deleted 146',
    'new:message 151',
  ]);
});
