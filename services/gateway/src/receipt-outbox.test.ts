import type { ReceiptEvent } from '@confab/contracts';
import { afterEach, expect, it } from 'vitest';
import { createReceiptOutbox, type ReceiptOutbox } from './receipt-outbox.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const base = { v: 1, at: 0, traceId: 't' };
const presence = (n: number): ReceiptEvent => ({
  ...base,
  id: `p${n}`,
  type: 'presence',
  userId: 'u',
  state: 'connected',
});
const delivered = (n: number): ReceiptEvent => ({
  ...{ ...base, id: `d${n}`, type: 'delivered', conversationId: 'c'.repeat(24), userIds: ['u'] },
  items: [],
});
let outbox: ReceiptOutbox;
afterEach(() => outbox.close());

function bus() {
  const state = { away: false, appended: [] as string[], calls: 0 };
  const append = async (events: ReceiptEvent[]) => {
    state.calls += 1;
    if (state.away) throw new Error('away');
    state.appended.push(...events.map((event) => event.id));
  };
  return { state, receipts: { append } };
}

it('appends in order', async () => {
  const { state, receipts } = bus();
  outbox = createReceiptOutbox(receipts, log);
  outbox.add(presence(1), delivered(2));
  outbox.add(presence(3));
  await expect.poll(() => state.appended).toEqual(['p1', 'd2', 'p3']);
  expect(outbox.waiting).toBe(0);
});

it('appends the first at once, and those of the next moments together', async () => {
  const { state, receipts } = bus();
  outbox = createReceiptOutbox(receipts, log);
  outbox.add(delivered(0));
  expect(state.calls).toBe(1);
  for (let n = 1; n <= 5; n++) {
    outbox.add(delivered(n));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await outbox.flush(5_000);
  expect(state.appended).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5']);
  expect(state.calls).toBeLessThan(6);
});

it('keeps what the bus does not take, and appends it when it is back', async () => {
  const { state, receipts } = bus();
  outbox = createReceiptOutbox(receipts, log);
  state.away = true;
  outbox.add(presence(1), presence(2));
  await expect.poll(() => state.calls).toBeGreaterThan(2);
  expect(outbox.waiting).toBe(2);
  state.away = false;
  await outbox.flush(5_000);
  expect(state.appended).toEqual(['p1', 'p2']);
});

it('is bounded: the oldest delivered receipts go first, presence stays', async () => {
  const { state, receipts } = bus();
  outbox = createReceiptOutbox(receipts, log);
  state.away = true;
  outbox.add(presence(1), ...Array.from({ length: 20_005 }, (_, n) => delivered(n)), presence(2));
  expect(outbox.waiting).toBe(20_000);
  expect(outbox.dropped).toBe(7);
  state.away = false;
  await outbox.flush(5_000);
  expect([state.appended[0], state.appended[1], state.appended.at(-1)]).toEqual(['p1', 'd7', 'p2']);
});

it('does not wait longer than it is told for a bus that is away', async () => {
  const { state, receipts } = bus();
  outbox = createReceiptOutbox(receipts, log);
  state.away = true;
  outbox.add(presence(1));
  const startedAt = performance.now();
  await outbox.flush(100);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
