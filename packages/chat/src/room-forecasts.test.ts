import { expect, test } from 'vitest';
import { RoomForecasts, type Taken } from './room-forecasts.ts';

const rule = { limit: 10, windowMs: 60_000 };

/** A limiter that answers what it is told to. */
function forecasts() {
  const time = { now: 0 };
  const answers: Promise<Taken>[] = [];
  const limiter = {
    take: () => answers.shift() ?? Promise.reject(new Error('not asked for')),
    giveBack: async () => {},
  };
  const rooms = new RoomForecasts(limiter, { now: () => time.now });
  const take = (answer: Taken | Promise<Taken>, key = 'k') => {
    answers.push(Promise.resolve(answer));
    return rooms.take(key, rule, 'member');
  };
  return { time, take };
}
const allowed = (left: number): Taken => ({ allowed: true, left });

test('knows nothing of a window before the first answer, nor of others after it', async () => {
  const { take } = forecasts();
  const first = take(allowed(9));
  expect(first.isLikely).toBe(false);
  expect(await first.taken).toEqual(allowed(9));
  expect(take(allowed(9), 'other').isLikely).toBe(false);
  expect(take(allowed(8)).isLikely).toBe(true);
});

test('expects room while half of the limit was left, less what is under way', async () => {
  const { take } = forecasts();
  await take(allowed(6)).taken;
  const likely = [take(allowed(5)), take(allowed(4)), take(allowed(3))];
  expect(likely.map(({ isLikely }) => isLikely)).toEqual([true, true, false]);
  await Promise.all(likely.map(({ taken }) => taken));
  expect(take(allowed(2)).isLikely).toBe(false);
});

test('counts what is under way, whatever answers come before its own', async () => {
  const { take } = forecasts();
  const pending = Array.from({ length: 5 }, () => Promise.withResolvers<Taken>());
  const early = pending.map(({ promise }) => take(promise));
  expect(early.map(({ isLikely }) => isLikely)).toEqual(Array(5).fill(false));
  pending[0]?.resolve(allowed(9));
  await early[0]?.taken;
  // Nine were left, four are on their way to them.
  expect([take(allowed(8)).isLikely, take(allowed(7)).isLikely]).toEqual([true, false]);
});

test('remembers as many windows as it has room for, the newest ones', async () => {
  const { take } = forecasts();
  await take(allowed(9), 'first').taken;
  for (let i = 0; i < 20_000; i++) await take(allowed(9), `k${i}`).taken;
  expect([take(allowed(8), 'k19999').isLikely, take(allowed(8), 'first').isLikely]).toEqual([true, false]);
});

test('forgets after ten seconds what it was told', async () => {
  const { take, time } = forecasts();
  await take(allowed(9)).taken;
  time.now = 9_999;
  const fresh = take(new Promise<Taken>(() => {}));
  time.now = 10_000;
  expect([fresh.isLikely, take(allowed(8)).isLikely]).toEqual([true, false]);
});

test('expects nothing after a refusal or a failure, until something is allowed again', async () => {
  const { take } = forecasts();
  await take(allowed(9)).taken;
  expect(await take({ allowed: false, retryAfter: 7 }).taken).toEqual({ allowed: false, retryAfter: 7 });
  const next = take(allowed(9));
  expect(next.isLikely).toBe(false);
  await next.taken;
  await expect(take(Promise.reject(new Error('away'))).taken).rejects.toThrow('away');
  expect(take(allowed(8)).isLikely).toBe(false);
});

test('an answer that was on its way before a refusal allows no forecasts after it', async () => {
  const { take } = forecasts();
  const early = Promise.withResolvers<Taken>();
  const first = take(early.promise);
  await take({ allowed: false, retryAfter: 7 }).taken;
  early.resolve(allowed(9));
  await first.taken;
  const next = take(allowed(9));
  expect(next.isLikely).toBe(false);
  await next.taken;
  expect(take(allowed(8)).isLikely).toBe(true);
});
