import { expect, test } from 'vitest';
import type { MessageRepository, SeqRange, UnreadRange } from './ports/repositories.ts';
import { rememberingUnread } from './unread-memory.ts';

/** One conversation per id with seqs in memory that have a row; notes what is counted. */
function counting(rows: Record<string, number[]>) {
  const counted: string[][] = [];
  const looked: string[][] = [];
  let now = 0;
  const inner = {
    countUnread: async (_userId: string, ranges: readonly UnreadRange[]) => {
      counted.push(ranges.map(({ conversationId }) => conversationId));
      const counts = ranges.map(({ conversationId, aboveSeq }) => {
        const above = (rows[conversationId] ?? []).filter((seq) => seq > aboveSeq);
        return [conversationId, above.length] as const;
      });
      return new Map(counts.filter(([, count]) => count > 0));
    },
    countRows: async (ranges: readonly SeqRange[]) => {
      looked.push(ranges.map(({ conversationId }) => conversationId));
      const counts = ranges.map(({ conversationId, fromSeq, toSeq }) => {
        const within = (rows[conversationId] ?? []).filter((seq) => seq > fromSeq && seq <= toSeq);
        return [conversationId, within.length] as const;
      });
      return new Map(counts);
    },
  } as Partial<MessageRepository> as MessageRepository;
  return {
    messages: rememberingUnread(inner, { now: () => now }),
    counted,
    looked,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

const range = (conversationId: string, seq: number, fields: Partial<UnreadRange> = {}): UnreadRange => ({
  ...{ conversationId, aboveSeq: 0, seq, changeSeq: 0 },
  ...fields,
});

test('what is asked for a third time with the same counters is not counted again', async () => {
  const { messages, counted } = counting({ a: [1, 2], b: [1] });
  for (let turn = 0; turn < 4; turn++) {
    const counts = await messages.countUnread('ann', [range('a', 2), range('b', 1)]);
    expect(Object.fromEntries(counts)).toEqual({ a: 2, b: 1 });
  }
  expect(counted).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

test.each([
  ['a message', { seq: 3 }],
  ['a change', { changeSeq: 1 }],
  ['a reading', { aboveSeq: 1 }],
])('%s makes its conversation count again, and no other', async (_what, fields) => {
  const { messages, counted } = counting({ a: [1, 2, 3], b: [1] });
  for (let turn = 0; turn < 3; turn++) await messages.countUnread('ann', [range('a', 2), range('b', 1)]);
  await messages.countUnread('ann', [range('a', 2, fields), range('b', 1)]);
  expect(counted.slice(2)).toEqual([['a']]);
});

test('after a change or a reading a count is kept at once, after a message when it is asked for again', async () => {
  const { messages, counted, looked } = counting({ a: [1, 2, 3] });
  const ask = (fields: Partial<UnreadRange>) => messages.countUnread('ann', [range('a', 2, fields)]);
  for (let turn = 0; turn < 2; turn++) await ask({});
  for (const fields of [{ changeSeq: 1 }, { changeSeq: 1, aboveSeq: 1 }])
    for (let turn = 0; turn < 2; turn++) await ask(fields);
  expect([counted.length, looked.length]).toEqual([4, 1]);
  for (let turn = 0; turn < 3; turn++) await ask({ seq: 3 });
  expect([counted.length, looked.length]).toEqual([6, 2]);
});

test('a count over a hole is not kept: its message may come yet', async () => {
  const rows = { a: [1, 3] };
  const { messages } = counting(rows);
  const ask = async () => (await messages.countUnread('ann', [range('a', 3)])).get('a');
  for (let turn = 0; turn < 3; turn++) expect(await ask()).toBe(2);
  rows.a.push(2);
  expect(await ask()).toBe(3);
});

test('a message that comes while rows are counted is in no count that is kept', async () => {
  const rows = { a: [1] };
  const { messages } = counting(rows);
  await messages.countUnread('ann', [range('a', 2)]);
  const second = messages.countUnread('ann', [range('a', 2)]);
  rows.a.push(2);
  await second;
  for (let turn = 0; turn < 3; turn++) expect((await messages.countUnread('ann', [range('a', 2)])).get('a')).toBe(2);
});

test('nothing unread is kept as well', async () => {
  const { messages, counted } = counting({ a: [1, 2] });
  for (let turn = 0; turn < 3; turn++)
    expect((await messages.countUnread('ann', [range('a', 2, { aboveSeq: 2 })])).size).toBe(0);
  expect(counted).toHaveLength(2);
});

test('one user does not see what was counted for another', async () => {
  const { messages, counted } = counting({ a: [1] });
  for (let turn = 0; turn < 3; turn++) await messages.countUnread('ann', [range('a', 1)]);
  await messages.countUnread('bob', [range('a', 1)]);
  expect(counted).toHaveLength(3);
});

test('a count serves for a minute', async () => {
  const { messages, counted, advance } = counting({ a: [1] });
  const ask = () => messages.countUnread('ann', [range('a', 1)]);
  await ask();
  await ask();
  advance(59_999);
  await ask();
  expect(counted).toHaveLength(2);
  advance(1);
  await ask();
  await ask();
  expect(counted).toHaveLength(3);
});

test('the user for whom it was counted longest ago is forgotten first, beyond fifty thousand counts', async () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `c${i}`);
  const { messages, counted } = counting(Object.fromEntries(ids.map((id) => [id, [1]])));
  const ask = (user: string) =>
    messages.countUnread(
      user,
      ids.map((id) => range(id, 1)),
    );
  for (const user of ['ann', 'bob']) for (let turn = 0; turn < 3; turn++) await ask(user);
  for (let turn = 0; turn < 3; turn++) await ask('cy');
  expect(counted).toHaveLength(6);
  await ask('bob');
  expect(counted).toHaveLength(6);
  await ask('ann');
  expect(counted).toHaveLength(7);
});
