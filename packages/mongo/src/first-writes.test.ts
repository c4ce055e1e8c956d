import { MongoNetworkError, MongoServerError } from 'mongodb';
import { expect, test } from 'vitest';
import { firstWrite } from './first-writes.ts';

const duplicate = new MongoServerError({ message: 'E11000 duplicate key', code: 11_000 });
const conflict = new MongoServerError({ message: 'deadlock detected', code: 112 });

/** A write that fails as told, one failure after the other, and then is done. */
function failing(...errors: Error[]) {
  let tries = 0;
  const write = async () => {
    const error = errors[tries++];
    if (error) throw error;
    return 'done';
  };
  return { write, tries: () => tries };
}

test('a write that lost the race for a new row is made again', async () => {
  const { write, tries } = failing(conflict, duplicate);
  expect(await firstWrite(write)).toBe('done');
  expect(tries()).toBe(3);
});

test('the third loss is told', async () => {
  const { write, tries } = failing(conflict, conflict, duplicate, duplicate);
  await expect(firstWrite(write)).rejects.toBe(duplicate);
  expect(tries()).toBe(3);
});

test('anything else is told at once, and what the caller does not call a loss', async () => {
  const lost = new MongoNetworkError('lost');
  for (const [error, is] of [[lost], [duplicate, (e: unknown) => e === conflict]] as const) {
    const { write, tries } = failing(error);
    await expect(firstWrite(write, is)).rejects.toBe(error);
    expect(tries()).toBe(1);
  }
});
