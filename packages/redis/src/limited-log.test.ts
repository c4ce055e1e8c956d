import { keptLog } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { limitedLog, sharedLimitedLog } from './limited-log.ts';

test('writes so many lines in a second, and tells with the next line how many it left out', () => {
  const { log, lines } = keptLog();
  let now = 10_000;
  const limited = limitedLog(log, 3, () => now);
  for (let i = 0; i < 8; i++) limited.warn({ i }, 'gone');
  expect(lines.map((line) => line.fields)).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
  now = 11_000;
  limited.info({ back: true }, 'back');
  limited.info({}, 'after');
  expect(lines.slice(3)).toEqual([
    { level: 'info', fields: { back: true, linesLeftOut: 5 }, message: 'back' },
    { level: 'info', fields: {}, message: 'after' },
  ]);
});

test('everybody who writes to one log shares the limit', () => {
  const { log } = keptLog();
  expect(sharedLimitedLog(log)).toBe(sharedLimitedLog(log));
  expect(sharedLimitedLog(keptLog().log)).not.toBe(sharedLimitedLog(log));
});
