import { type ErrorCode, errorCatalogue } from '@confab/contracts';
import { describe, expect, it } from 'vitest';
import { ConfabError, toConfabError } from './error.ts';

describe('errors', () => {
  it('agree with the catalogue on what may be retried', () => {
    for (const [code, { retryable }] of Object.entries(errorCatalogue))
      expect([code, new ConfabError(code as ErrorCode, '').retryable]).toEqual([code, retryable]);
  });

  it('take the retryAfter from inside or beside the error', () => {
    const error = { code: 'RATE_LIMITED', message: 'slow' };
    expect(toConfabError({ success: false, error: { ...error, retryAfter: 7 } }).retryAfter).toBe(7);
    expect(toConfabError({ success: false, error, retryAfter: 8 }).retryAfter).toBe(8);
  });

  it('are NO_ANSWER where a reply says nothing', () => {
    for (const reply of [undefined, null, '', {}, { error: 'text' }])
      expect(toConfabError(reply).code).toBe('NO_ANSWER');
  });
});
