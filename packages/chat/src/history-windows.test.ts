import { expect, test } from 'vitest';
import { readingInWindows, windowOf } from './history-windows.ts';
import type { StoredMessage } from './model.ts';
import type { ConversationRepository, HistoryQuery, MessageRepository } from './ports/repositories.ts';

/** A conversation in memory, whose seqs go up to `newest` (`knowing` changes that); those of `gone` are shown to nobody. Notes the ranges that are read. */
function conversation(newest: number, gone: readonly number[] = []) {
  let seq = newest;
  const read: [aboveSeq: number, belowSeq: number | undefined][] = [];
  const history = async ({ aboveSeq, belowSeq, order, skip, limit }: HistoryQuery) => {
    read.push([aboveSeq, belowSeq]);
    const seqs = Array.from({ length: seq }, (_, i) => i + 1);
    const rows = seqs.filter((s) => s > aboveSeq && s < (belowSeq ?? seq + 1) && !gone.includes(s));
    if (order === 'newest-first') rows.reverse();
    return rows.slice(skip, skip + limit).map((s) => ({ seq: s }) as StoredMessage);
  };
  const found = () => ({ id: 'c', seq });
  const inner = {
    conversations: {
      findFor: async () => found(),
      openHistory: async (asked: HistoryQuery) =>
        asked.viewer === 'u' ? { conversation: found(), members: [], messages: await history(asked) } : null,
    } as unknown as ConversationRepository,
    messages: { history } as unknown as MessageRepository,
  };
  const knowing = (told: number) => {
    seq = told;
  };
  return { plain: inner.messages, windowed: readingInWindows(inner), read, knowing };
}

const query = (changed: Partial<HistoryQuery> = {}): HistoryQuery => ({
  ...{ conversationId: 'c', viewer: 'u', aboveSeq: 0, order: 'newest-first', skip: 0, limit: 50 },
  ...changed,
});

test('a page is what it is without windows, wherever it is and whatever is missing', async () => {
  const gaps = Array.from({ length: 400 }, (_, i) => i + 301);
  for (const gone of [[], gaps, [999, 1_000], gaps.filter((seq) => seq % 2)]) {
    const { plain, windowed } = conversation(1_000, gone);
    await windowed.conversations.findFor('u', 'c');
    for (const order of ['newest-first', 'oldest-first'] as const)
      for (const skip of [0, 50, 400])
        for (const aboveSeq of [0, 299, 930])
          for (const belowSeq of [undefined, 10, 700, 5_000]) {
            const asked = query({ order, skip, aboveSeq, ...(belowSeq !== undefined && { belowSeq }) });
            const page = await plain.history(asked);
            expect(await windowed.messages.history(asked)).toEqual(page);
            expect((await windowed.conversations.openHistory(asked))?.messages).toEqual(page);
          }
  }
});

test('it is read once, in a range hardly longer than itself', async () => {
  const { windowed, read } = conversation(1_000);
  await windowed.conversations.findFor('u', 'c');
  await windowed.messages.history(query());
  await windowed.messages.history(query({ belowSeq: 500 }));
  await windowed.messages.history(query({ aboveSeq: 100, order: 'oldest-first' }));
  expect(read).toEqual([
    [935, undefined],
    [434, 500],
    [100, 166],
  ]);
});

test('opening it says where its newest messages are, for the next page', async () => {
  const { windowed, read } = conversation(1_000);
  expect(await windowed.conversations.openHistory(query({ viewer: 'stranger' }))).toBeNull();
  for (let times = 0; times < 2; times++) await windowed.conversations.openHistory(query());
  expect(read).toEqual([
    [0, undefined],
    [935, undefined],
  ]);
});

test('what is known of a conversation may be too old, or too new after a failover', async () => {
  for (const known of [200, 5_000]) {
    const { plain, windowed, knowing } = conversation(1_000);
    knowing(known);
    await windowed.conversations.findFor('u', 'c');
    knowing(1_000);
    expect(await windowed.messages.history(query())).toEqual(await plain.history(query()));
  }
});

test('a range that is no longer than a window is asked for as it is', () => {
  expect(windowOf(query({ aboveSeq: 950 }), 1_000)).toBeUndefined();
  expect(windowOf(query(), 65)).toBeUndefined();
  expect(windowOf(query({ order: 'oldest-first', aboveSeq: 950 }), 1_000)).toBeUndefined();
  expect(windowOf(query({ order: 'oldest-first' }), undefined)).toBeUndefined();
});
