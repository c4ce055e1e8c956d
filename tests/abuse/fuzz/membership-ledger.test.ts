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
  expect(ledger.violations(10).map(({ userId, at }) => `${userId} ${at}`)).toEqual([
    'ann 50',
    'ann 215',
    'ann 400',
    'bob 150',
  ]);
  expect(ledger.neverIn('bob', ['c', 'd'])).toEqual(['c', 'd']);
  expect(ledger.neverIn('ann', ['c', 'd'])).toEqual(['d']);
});
