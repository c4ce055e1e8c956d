import type { InboxEntry, TraceLog } from '@confab/chat';
import { expect, it } from 'vitest';
import { createPush } from './push.ts';
import type { GatewayServer } from './session.ts';

const KB = 1_024;
const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as TraceLog;

/** Sockets by user; what is written to them, by turns of the event loop. */
function setup(users: Record<string, { transport?: string; broken?: boolean }[]>) {
  const writes: { to: string; bytes: number; data: unknown; turn: number }[] = [];
  const pushed: number[] = [];
  const members: string[] = [];
  let turn = 0;
  const sockets = new Map<string, unknown>();
  const rooms = new Map<string, Set<string>>();
  for (const [userId, devices] of Object.entries(users)) {
    const ids = devices.map(({ transport = 'websocket', broken }, i) => {
      const write = (data: string | Uint8Array) => {
        if (broken) throw new Error('it is broken');
        writes.push({ to: userId, bytes: data.length, data, turn });
      };
      sockets.set(`${userId}-${i}`, { conn: { transport: { name: transport, supportsBinary: true }, write } });
      return `${userId}-${i}`;
    });
    rooms.set(`user:${userId}`, new Set(ids));
  }
  const warnings: string[] = [];
  const log = { ...silent, warn: (_fields: unknown, message: string) => warnings.push(message) };
  const push = createPush({
    io: { sockets: { adapter: { rooms }, sockets } } as unknown as GatewayServer,
    onMembers: () => members.push(`after ${writes.length} writes`),
    onGap() {},
    onPushed: (entries) => pushed.push(...entries.map(({ position }) => position)),
    log: log as unknown as TraceLog,
  });
  const counting = async (entries: InboxEntry[]) => {
    let done = false;
    const count = () => {
      turn += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    await push({ entries, gap: false });
    done = true;
    return turn;
  };
  return { writes, pushed, members, warnings, push: counting };
}

const entry = (position: number, to: string[], size = 100, event = 'new:message'): InboxEntry => ({
  position,
  meta: { v: 1, id: `e${position}`, at: 1, traceId: 't', event, to, conversationId: 'c' },
  payload: `{"n":${position},"x":"${'x'.repeat(size)}","change":"member-removed"}`,
});
const entries = (count: number, to: (n: number) => string[], size?: number) =>
  Array.from({ length: count }, (_, n) => entry(n + 1, to(n), size));

/** Texts in what was written: each frame here is of the medium length, with its FIN and opcode, and nothing in the texts looks like one. */
const textsIn = (data: unknown) =>
  typeof data === 'string'
    ? 1
    : Buffer.from(data as Uint8Array)
        .toString('latin1')
        .split('\x81\x7e').length - 1;

it('writes what a turn has for a socket at once, and what is the same for many is encoded once', async () => {
  const t = setup({ a: [{}, {}], b: [{}], c: [{}] });
  await t.push([...entries(5, () => ['a', 'b']), entry(6, ['c'])]);
  expect(t.writes.map(({ to }) => to)).toEqual(['a', 'a', 'b', 'c']);
  expect(new Set(t.writes.map(({ data }) => data)).size).toBe(2);
  expect(t.pushed).toEqual([1, 2, 3, 4, 5, 6]);
});

it('writes packets one by one where there is no WebSocket', async () => {
  const t = setup({ a: [{ transport: 'polling' }] });
  await t.push(entries(3, () => ['a']));
  expect(t.writes.map(({ data }) => String(data).slice(0, 25))).toEqual(
    [1, 2, 3].map((n) => `2["new:message",{"n":${n},"x`),
  );
});

it('gives the event loop a turn before one user has been given more than 256 KB and an event', async () => {
  const t = setup({ a: [{}] });
  await t.push(entries(100, () => ['a'], 10 * KB));
  expect(Math.max(...t.writes.map(({ bytes }) => bytes))).toBeLessThan(267 * KB);
  expect(new Set(t.writes.map(({ turn }) => turn)).size).toBe(t.writes.length);
  expect(t.pushed).toHaveLength(100);
});

it('counts what one user has been given over the batches of a turn', async () => {
  const t = setup({ a: [{}] });
  for (let from = 0; from < 100; from += 10) await t.push(entries(10, () => ['a'], 10 * KB));
  const inTurn = [...Map.groupBy(t.writes, ({ turn }) => turn).values()];
  const most = Math.max(...inTurn.map((writes) => writes.reduce((sum, { bytes }) => sum + bytes, 0)));
  expect(most).toBeLessThan(267 * KB);
  expect(t.pushed).toHaveLength(100);
});

it('gives it a turn after many deliveries, and after many bytes to many users', async () => {
  const users = Array.from({ length: 500 }, (_, i) => `u${i}`);
  const turnsOf = async (list: InboxEntry[]) => {
    const t = setup(Object.fromEntries(users.map((user) => [user, [{}]])));
    // Several batches of one read come in one turn of the event loop.
    for (let from = 0; from < list.length; from += 100) await t.push(list.slice(from, from + 100));
    return new Set(t.writes.map(({ turn }) => turn)).size;
  };
  expect(await turnsOf(entries(900, (n) => [users[n % 500] as string]))).toBe(1);
  expect(await turnsOf(entries(2_500, (n) => [users[n % 500] as string]))).toBe(3);
  expect(await turnsOf(entries(6, () => users))).toBe(3);
  expect(await turnsOf(entries(500, (n) => [users[n] as string], 5 * KB))).toBeGreaterThanOrEqual(3);
});

it('gathers over turns of the event loop what goes to a socket at once, up to 4,000 deliveries', async () => {
  const users = Array.from({ length: 10 }, (_, i) => `u${i}`);
  const t = setup(Object.fromEntries(users.map((user) => [user, [{}]])));
  const turns = await t.push(entries(5_000, (n) => [users[n % 10] as string]));
  expect(t.writes).toHaveLength(2 * users.length);
  // For adding the 5,000, and for writing the 4,000 and the rest: no turn has more than 1,000 of either, and up to one user's more.
  expect(turns).toBeGreaterThanOrEqual(7);
  for (const written of Map.groupBy(t.writes, ({ turn }) => turn).values()) {
    expect(written.reduce((sum, { data }) => sum + textsIn(data), 0)).toBeLessThan(1_000 + 400);
  }
  expect(t.pushed).toEqual(Array.from({ length: 5_000 }, (_, n) => n + 1));
});

it('gathers 4 MB at most', async () => {
  const users = Array.from({ length: 1_000 }, (_, i) => `u${i}`);
  const t = setup(Object.fromEntries(users.map((user) => [user, [{}]])));
  await t.push(entries(1_900, (n) => [users[n % 1_000] as string], 5 * KB));
  // 4 MB are 818 of them: nobody has their second before these are written.
  expect(t.writes).toHaveLength(1_900);
});

it('says that it pushed them once all are written', async () => {
  const users = Array.from({ length: 500 }, (_, i) => `u${i}`);
  const t = setup(Object.fromEntries(users.map((user) => [user, [{}]])));
  const pushing = t.push(entries(3_000, (n) => [users[n % 500] as string]));
  await expect.poll(() => t.writes.length, { interval: 0 }).toBeGreaterThan(0);
  expect(t.pushed.length === 0 || t.writes.length === 500).toBe(true);
  await pushing;
  expect(t.pushed).toHaveLength(3_000);
});

it('writes what came before news of members before they count, however many turns it takes', async () => {
  const users = Array.from({ length: 500 }, (_, i) => `u${i}`);
  const t = setup(Object.fromEntries(users.map((user) => [user, [{}]])));
  await t.push([
    ...entries(3_000, (n) => [users[n % 500] as string]),
    entry(3_001, ['u0'], 10, 'conversation:updated'),
  ]);
  expect(t.members).toEqual(['after 500 writes']);
  expect(t.writes).toHaveLength(501);
});

it('writes what came before news of members before they count', async () => {
  const t = setup({ a: [{}] });
  await t.push([entry(1, ['a']), entry(2, ['a'], 10, 'conversation:updated'), entry(3, ['a'])]);
  expect(t.members).toEqual(['after 1 writes']);
  // What each got of the turn is not counted over the news: the turn ends with them.
  const [before, news, after] = t.writes.map(({ turn }) => turn);
  expect(t.writes).toHaveLength(3);
  expect(news).toBe(before);
  expect(after).not.toBe(news);
});

it('writes to the others where one socket fails, and once', async () => {
  const t = setup({ a: [{ broken: true }, {}], b: [{}] });
  await t.push(entries(2, () => ['a', 'b']));
  await t.push([entry(3, ['b'])]);
  expect(t.writes.map(({ to }) => to)).toEqual(['a', 'b', 'b']);
  expect(t.warnings).toEqual(['a socket was not written to']);
});
