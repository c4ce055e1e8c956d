import type { RateLimiter } from '@confab/chat';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { uniqueUser } from './fixtures.ts';

export interface RateLimiterBackend {
  limiter: RateLimiter;
  close(): Promise<void>;
}

/** What every RateLimiter must do. */
export function rateLimiterContract(name: string, open: () => Promise<RateLimiterBackend>): void {
  describe(`rate limiter on ${name}`, () => {
    let backend: RateLimiterBackend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.close());
    const minute = { limit: 3, windowMs: 60_000 };

    test('allows the limit and then says when there is room', async () => {
      const key = uniqueUser('key');
      for (const [index, member] of ['a', 'b', 'c'].entries()) {
        expect(await backend.limiter.take(key, minute, member)).toEqual({ allowed: true, left: 2 - index });
      }
      const refused = await backend.limiter.take(key, minute, 'd');
      expect(refused).toMatchObject({ allowed: false });
      if (refused.allowed) return;
      expect(refused.retryAfter).toBeGreaterThan(55);
      expect(refused.retryAfter).toBeLessThanOrEqual(60);
      expect(Number.isInteger(refused.retryAfter)).toBe(true);
    });

    test('counts a member once, also when the window is full', async () => {
      const key = uniqueUser('key');
      const answers: unknown[] = [];
      for (const member of ['a', 'a', 'a', 'b', 'c', 'a', 'c']) {
        answers.push(await backend.limiter.take(key, minute, member));
      }
      const now = (left: number) => ({ allowed: true, left });
      const before = (left: number) => ({ allowed: true, left, countedBefore: true });
      expect(answers).toEqual([now(2), before(2), before(2), now(1), now(0), before(0), before(0)]);
      // A limit that was lowered since refuses nobody who was counted.
      expect(await backend.limiter.take(key, { ...minute, limit: 1 }, 'a')).toEqual(before(0));
      expect(await backend.limiter.take(key, minute, 'd')).toMatchObject({ allowed: false });
    });

    test('keys do not share a window', async () => {
      const [one, two] = [uniqueUser('key'), uniqueUser('key')];
      for (const member of ['a', 'b', 'c']) await backend.limiter.take(one, minute, member);
      expect(await backend.limiter.take(two, minute, 'd')).toEqual({ allowed: true, left: 2 });
    });

    test('never allows more than the limit to those who ask at once', async () => {
      const key = uniqueUser('key');
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) => backend.limiter.take(key, { limit: 10, windowMs: 60_000 }, `m${i}`)),
      );
      expect(answers.filter((answer) => answer.allowed)).toHaveLength(10);
    });

    test('a use that is given back makes room', async () => {
      const key = uniqueUser('key');
      for (const member of ['a', 'b', 'c']) await backend.limiter.take(key, minute, member);
      await backend.limiter.giveBack(key, 'b');
      expect(await backend.limiter.take(key, minute, 'b')).toEqual({ allowed: true, left: 0 });
      await backend.limiter.giveBack(key, 'b');
      expect(await backend.limiter.take(key, minute, 'd')).toEqual({ allowed: true, left: 0 });
      expect(await backend.limiter.take(key, minute, 'e')).toMatchObject({ allowed: false });
    });

    test('the window slides: each use makes room when it leaves, and refusals do not lengthen the wait', async () => {
      const [key, rule] = [uniqueUser('key'), { limit: 1, windowMs: 400 }];
      const startedAt = performance.now();
      await backend.limiter.take(key, rule, 'a');
      expect(await backend.limiter.take(key, rule, 'b')).toEqual({ allowed: false, retryAfter: 1 });
      await eventually(
        async () => expect(await backend.limiter.take(key, rule, 'b')).toEqual({ allowed: true, left: 0 }),
        3_000,
      );
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(395);
    });

    test('a limit of none allows none', async () => {
      const answer = await backend.limiter.take(uniqueUser('key'), { limit: 0, windowMs: 60_000 }, 'a');
      expect(answer).toEqual({ allowed: false, retryAfter: 60 });
    });
  });
}
