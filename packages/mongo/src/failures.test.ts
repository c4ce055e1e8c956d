import { MongoNetworkError, MongoServerError } from 'mongodb';
import { expect, test } from 'vitest';
import { guarded, isWriteConflict } from './failures.ts';

/** As the driver's own for a connection whose pool was cleared: found behind a server that went dark. */
class PoolClearedOnNetworkError extends MongoNetworkError {
  override get name() {
    return 'PoolClearedOnNetworkError';
  }
}

const failing = (error: Error) => guarded(() => Promise.reject(error));

test.each([
  ['no answer', new MongoNetworkError('connection 4 timed out')],
  ['a network error that the driver does not export', new PoolClearedOnNetworkError('interrupted')],
  ['a write conflict', new MongoServerError({ message: 'WriteConflict', code: 112 })],
  ['a deadlock, as servers on PostgreSQL say it', new MongoServerError({ message: 'deadlock detected', code: 1 })],
  ['a full disk', new MongoServerError({ message: 'write failed: No space left on device', code: 14031 })],
])('%s is told as UNAVAILABLE, with a time to come back', async (_, error) => {
  await expect(failing(error)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfter: 1, cause: error });
});

test('a defect of ours passes as it is', async () => {
  const error = new MongoServerError({ message: 'unknown operator: $foo', code: 2 });
  await expect(failing(error)).rejects.toBe(error);
});

test('a conflict is known not to have happened, a lost answer is not', () => {
  expect(isWriteConflict(new MongoServerError({ message: 'deadlock detected' }))).toBe(true);
  expect(isWriteConflict(new MongoNetworkError('lost'))).toBe(false);
});
