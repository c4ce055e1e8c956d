import { Writable } from 'node:stream';
import { createLogger } from '@confab/service-kit';
import { expect, test } from 'vitest';
import { lazyLogger } from './lazy-logger.ts';

test('a logger is made at its first line, once, with its fields on every line', () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const parent = createLogger({ name: 'test', destination });
  let made = 0;
  const logger = lazyLogger(() => {
    made += 1;
    return parent.child({ traceId: 't1' });
  });
  expect(made).toBe(0);
  logger.warn({ token: 'secret' }, 'first');
  logger.child({ part: 'p' }).error('second');
  expect(made).toBe(1);
  expect(logger.level).toBe('info');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', msg: 'first', traceId: 't1', token: '[redacted]' },
    { level: 'error', msg: 'second', traceId: 't1', part: 'p' },
  ]);
});
