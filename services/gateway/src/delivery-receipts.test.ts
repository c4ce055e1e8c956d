import type { InboxEntry } from '@confab/chat';
import { receiptEvents, validate } from '@confab/contracts';
import { expect, it } from 'vitest';
import { deliveryReceipts } from './delivery-receipts.ts';

let ids = 0;
const here = new Set(['a', 'b']);
const context = { isReached: (userId: string) => here.has(userId), now: () => 5, newId: () => `id-${++ids}` };
const C = 'c'.repeat(24);
const message = (seq: number, senderId: string, to: string[], fields = {}): InboxEntry => ({
  position: seq,
  payload: '{}',
  meta: {
    ...{ v: 1, id: `e${seq}`, at: 1, traceId: 't', event: 'new:message', to, conversationId: C, senderId, seq },
    messageId: String(seq).padStart(24, '0'),
    ...fields,
  },
});

it('puts the messages of one conversation to the same receivers into one receipt', () => {
  const receipts = deliveryReceipts([message(1, 'x', ['a', 'b', 'x']), message(2, 'x', ['b', 'x', 'a'])], context);
  expect(receipts).toHaveLength(1);
  expect(receipts[0]).toMatchObject({ conversationId: C, userIds: ['a', 'b'], items: [{ seq: 1 }, { seq: 2 }] });
  expect(validate(receiptEvents.delivered, receipts[0])).toBe(receipts[0]);
});

it('never names the sender, or users without a socket here', () => {
  const receipts = deliveryReceipts([message(1, 'a', ['a', 'b', 'away']), message(2, 'b', ['a', 'b'])], context);
  expect(receipts.map((receipt) => receipt.userIds)).toEqual([['b'], ['a']]);
});

it('makes none for other events, or when nobody is here', () => {
  const entries = [message(1, 'x', ['away']), message(2, 'a', ['a']), message(3, 'x', ['a'], { event: 'user:online' })];
  expect(deliveryReceipts(entries, context)).toEqual([]);
});

it('puts 500 messages into one receipt at most, in order', () => {
  const entries = Array.from({ length: 1_200 }, (_, i) => message(i + 1, 'x', ['a']));
  const receipts = deliveryReceipts(entries, context);
  expect(receipts.map(({ items }) => items.length)).toEqual([500, 500, 200]);
  expect(receipts.flatMap(({ items }) => items.map(({ seq }) => seq))).toEqual(entries.map(({ meta }) => meta.seq));
  expect(new Set(receipts.map(({ id }) => id)).size).toBe(3);
});
