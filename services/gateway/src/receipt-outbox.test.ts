import { type ReceiptEvent, STREAM_VERSION } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import { expect, test } from 'vitest';
import { createReceiptOutbox } from './receipt-outbox.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const presence = (userId: string): ReceiptEvent => ({
  v: STREAM_VERSION,
  id: userId,
  at: 0,
  traceId: 't',
  type: 'presence',
  userId,
  state: 'connected',
});

test('goes on appending after a call without receipts', async () => {
  const appended: ReceiptEvent[] = [];
  const outbox = createReceiptOutbox({ append: async (events) => void appended.push(...events) }, log);
  outbox.add();
  outbox.add(presence('alice'));
  await eventually(() => appended.length === 1);
  outbox.add(presence('bob'));
  await eventually(() => appended.length === 2);
  outbox.close();
});

test('keeps receipts while the bus is away and appends them in order once it is back', async () => {
  const appended: string[] = [];
  let away = true;
  const append = async (events: ReceiptEvent[]) => {
    if (away) throw new Error('away');
    appended.push(...events.map((event) => event.id));
  };
  const outbox = createReceiptOutbox({ append }, log);
  outbox.add(presence('alice'), presence('bob'));
  outbox.add(presence('carol'));
  expect(outbox.waiting).toBe(3);
  away = false;
  await outbox.flush(5_000);
  expect(appended).toEqual(['alice', 'bob', 'carol']);
  outbox.close();
});
