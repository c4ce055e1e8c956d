import { ChatError } from '@confab/contracts';
import { expect, it, vi } from 'vitest';
import { createMembershipCache } from './membership-cache.ts';

const answering = (...participants: string[]) => {
  const asked = { times: 0 };
  const fetch = async () => {
    asked.times += 1;
    return { participants };
  };
  return { fetch, asked };
};

it('asks once for everybody in the conversation', async () => {
  const cache = createMembershipCache();
  const { fetch, asked } = answering('a', 'b');
  expect(await cache.participantsFor('a', 'c1', fetch)).toEqual(['a', 'b']);
  await cache.participantsFor('b', 'c1', fetch);
  expect(asked.times).toBe(1);
});

it('asks once for simultaneous questions of one user', async () => {
  const cache = createMembershipCache();
  const { fetch, asked } = answering('a');
  await Promise.all([1, 2, 3].map(() => cache.participantsFor('a', 'c1', fetch)));
  expect(asked.times).toBe(1);
});

it('asks anew for who is not among the cached members: they may have been added', async () => {
  const cache = createMembershipCache();
  await cache.participantsFor('a', 'c1', answering('a').fetch);
  expect(await cache.participantsFor('new', 'c1', answering('a', 'new').fetch)).toEqual(['a', 'new']);
});

it('remembers a refusal for a moment, and not a failure', async () => {
  const cache = createMembershipCache({ refusalTtlMs: 30 });
  let times = 0;
  const failing = (code: 'NOT_FOUND' | 'UNAVAILABLE') => async () => {
    times += 1;
    throw new ChatError(code);
  };
  await expect(cache.participantsFor('x', 'c1', failing('UNAVAILABLE'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(cache.participantsFor('x', 'c1', failing('NOT_FOUND'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(cache.participantsFor('x', 'c1', failing('NOT_FOUND'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(times).toBe(2);
  await expect.poll(() => cache.participantsFor('x', 'c1', answering('x').fetch).catch(() => [])).toEqual(['x']);
});

it('forgets members and refusals when told that they changed', async () => {
  const cache = createMembershipCache();
  await cache.participantsFor('a', 'c1', answering('a', 'gone').fetch);
  await cache.participantsFor('x', 'c1', async () => Promise.reject(new ChatError('NOT_FOUND'))).catch(() => {});
  cache.invalidate('c1');
  expect(await cache.participantsFor('a', 'c1', answering('a', 'x').fetch)).toEqual(['a', 'x']);
  expect(await cache.participantsFor('x', 'c1', answering('never').fetch)).toEqual(['a', 'x']);
});

it('does not believe an answer that set out before the members changed: it asks again', async () => {
  const cache = createMembershipCache();
  const waiting: ((answer: { participants: string[] }) => void)[] = [];
  const asked = cache.participantsFor('a', 'c1', () => new Promise((resolve) => waiting.push(resolve)));
  cache.invalidate('c1');
  waiting[0]?.({ participants: ['a', 'gone'] });
  await vi.waitFor(() => expect(waiting).toHaveLength(2));
  waiting[1]?.({ participants: ['a'] });
  expect(await asked).toEqual(['a']);
  expect(await cache.participantsFor('a', 'c1', answering('nobody').fetch)).toEqual(['a']);
});

it('does not let a user in whom the answer does not name', async () => {
  const cache = createMembershipCache();
  await expect(cache.participantsFor('x', 'c1', answering('a').fetch)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('forgets everything where news may have been lost, answers on their way too', async () => {
  const cache = createMembershipCache();
  await cache.participantsFor('a', 'c1', answering('a', 'b').fetch);
  const answer = Promise.withResolvers<{ participants: string[] }>();
  const replies = [answer.promise, Promise.resolve({ participants: ['x'] })];
  const late = cache.participantsFor('x', 'c2', async () => replies.shift() ?? { participants: [] });
  cache.clear();
  answer.resolve({ participants: ['x', 'gone'] });
  expect(await late).toEqual(['x']);
  expect(await cache.participantsFor('a', 'c1', answering('a').fetch)).toEqual(['a']);
});
