import type { WatermarkMove } from '@confab/chat';
import type { Document } from 'mongodb';
import { expect, test } from 'vitest';
import type { Collections } from './collections.ts';
import { createMembershipRepository } from './membership-repository.ts';

/** A store that takes notes of the rows that each update command names, in its order. */
function notingStore(writeErrors: { index: number; code: number }[] = []) {
  const commands: string[][] = [];
  const command = async ({ updates }: { updates: Document[] }) => {
    commands.push(updates.map(({ q }) => `${q.conversationId} ${q.userId}`));
    return { n: updates.length, writeErrors: writeErrors.splice(0) };
  };
  const collections = { db: { command }, memberships: { collectionName: 'memberships' } } as unknown as Collections;
  return { commands, memberships: createMembershipRepository(collections) };
}

const move = (conversation: number, userId: string): WatermarkMove => ({
  ...{ conversationId: conversation.toString(16).padStart(24, '0'), userId, deliveredSeq: 1, known: false },
});

/** The same moves in an order that has nothing to do with their keys. */
const shuffled = (moves: readonly WatermarkMove[]) =>
  moves
    .map((m, i) => ({ m, at: (i * 7_919) % moves.length }))
    .sort((a, b) => a.at - b.at)
    .map(({ m }) => m);

test('workers that raise the same rows name them in one order, whatever order their receipts came in', async () => {
  const moves = Array.from({ length: 500 }, (_, i) => move(i % 100, `u${i % 7}-${i}`));
  const [one, other] = [notingStore(), notingStore()];
  await one.memberships.raise(shuffled(moves));
  await other.memberships.raise(moves.toReversed());
  expect(one.commands).toEqual(other.commands);
  expect(one.commands[0]).toEqual(one.commands[0]?.toSorted());
});

test('the order goes on from command to command', async () => {
  const { commands, memberships } = notingStore();
  await memberships.raise(shuffled(Array.from({ length: 2_500 }, (_, i) => move(i, 'u'))));
  expect(commands.map((rows) => rows.length)).toEqual([1_000, 1_000, 500]);
  expect(commands.flat()).toEqual(commands.flat().toSorted());
});

test('rows that another worker made first are raised again, in that order too', async () => {
  const { commands, memberships } = notingStore([
    { index: 1, code: 11_000 },
    { index: 3, code: 11_000 },
  ]);
  await memberships.raise([move(4, 'd'), move(2, 'b'), move(3, 'c'), move(1, 'a')]);
  const rows = commands[0] ?? [];
  expect(commands.slice(1)).toEqual([[rows[1], rows[3]]]);
});

test('rows that a server gave up for the sake of others are raised again', async () => {
  const { commands, memberships } = notingStore([{ index: 0, code: 112 }]);
  await memberships.raise([move(1, 'a'), move(2, 'b')]);
  expect(commands.map((rows) => rows.length)).toEqual([2, 1]);
});

test('a refusal that is no lost race is told, whatever else was refused', async () => {
  const { commands, memberships } = notingStore([
    { index: 0, code: 11_000 },
    { index: 1, code: 121 },
  ]);
  await expect(memberships.raise([move(1, 'a'), move(2, 'b')])).rejects.toMatchObject({ code: 121 });
  expect(commands).toHaveLength(1);
});
