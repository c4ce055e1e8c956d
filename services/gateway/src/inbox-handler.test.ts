import type { InboxEntry, TraceLog } from '@confab/chat';
import type { DeliveredReceipt } from '@confab/contracts';
import { expect, it } from 'vitest';
import type { GatewayCounters } from './gateway-metrics.ts';
import { createInboxHandler } from './inbox-handler.ts';
import type { ReceiptOutbox } from './receipt-outbox.ts';
import type { GatewayServer } from './session.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as TraceLog;

function setup(userIds: string[]) {
  const rooms = new Map<string, Set<string>>();
  const sockets = new Map<string, unknown>();
  const receipts: DeliveredReceipt[] = [];
  const connect = (userId: string, onWrite = () => {}) => {
    sockets.set(userId, { conn: { transport: { name: 'websocket', supportsBinary: true }, write: onWrite } });
    rooms.set(`user:${userId}`, new Set([userId]));
  };
  for (const userId of userIds) connect(userId);
  let ids = 0;
  const handler = createInboxHandler({
    io: { sockets: { adapter: { rooms }, sockets } } as unknown as GatewayServer,
    onMembers() {},
    onGap() {},
    outbox: { add: (...events: DeliveredReceipt[]) => receipts.push(...events) } as unknown as ReceiptOutbox,
    counters: () => ({ pushLatency: { observe() {} }, pushed: { inc() {} } }) as unknown as GatewayCounters,
    clock: { now: () => 5 },
    newId: () => `id-${++ids}`,
    log: silent,
  });
  return { connect, rooms, receipts, handle: (entries: InboxEntry[]) => handler.handle({ entries, gap: false }) };
}

const message = (seq: number, to: string[], payload = `{"seq":${seq}}`): InboxEntry => ({
  position: seq,
  payload,
  meta: {
    ...{ v: 1, id: `e${seq}`, at: 1, traceId: 't', event: 'new:message', to, conversationId: 'c', senderId: 'x', seq },
    messageId: String(seq),
  },
});
const messages = (count: number, to: string[]) => Array.from({ length: count }, (_, n) => message(n + 1, to));

it('looks in one turn of the event loop at no more receivers than it gathers', async () => {
  const users = Array.from({ length: 100 }, (_, i) => `u${i}`);
  const t = setup(users);
  let turn = 0;
  let done = false;
  const count = () => {
    turn += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const looks = new Map<number, number>();
  const { has } = t.rooms;
  t.rooms.has = (room) => {
    looks.set(turn, (looks.get(turn) ?? 0) + 1);
    return has.call(t.rooms, room);
  };
  await t.handle(messages(400, users));
  done = true;
  expect(Math.max(0, ...looks.values())).toBeLessThanOrEqual(4_100);
});

it('names nobody who came after theirs was written', async () => {
  const t = setup(['a', 'late']);
  t.rooms.delete('user:late');
  t.connect('a', () => t.connect('late'));
  await t.handle([message(1, ['late']), ...messages(4_000, ['a'])]);
  expect(t.receipts.flatMap(({ userIds }) => userIds)).not.toContain('late');
});

it('makes none for who was not written to, or was cut since', async () => {
  const t = setup(['a', 'broken', 'cut']);
  t.connect('broken', () => {
    throw new Error('it is broken');
  });
  t.connect('cut', () => t.rooms.delete('user:cut'));
  await t.handle(messages(2, ['a', 'broken', 'cut']));
  expect(t.receipts.map(({ userIds }) => userIds)).toEqual([['a']]);
});

it('makes none of what was not pushed', async () => {
  const t = setup(['a']);
  await t.handle([message(1, ['a'], 'no object'), message(2, ['a'])]);
  expect(t.receipts.flatMap(({ items }) => items.map(({ seq }) => seq))).toEqual([2]);
});
