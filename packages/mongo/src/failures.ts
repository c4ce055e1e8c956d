import { ChatError } from '@confab/contracts';
import { MongoBulkWriteError, MongoError, MongoNetworkError, MongoServerError } from 'mongodb';

const DUPLICATE_KEY = 11000;
const WRITE_CONFLICT = 112;

/**
 * Server errors that pass: not primary, shutting down, timeouts, out of disk. Source: MongoDB's error code table
 * (src/mongo/base/error_codes.yml), categories RetriableError, ShutdownError, plus OutOfDiskSpace and WriteConcern timeouts.
 */
const PASSING_CODES = new Set([
  6, 7, 24, 50, 63, 64, 89, 91, 100, 112, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031,
]);

/**
 * Driver errors for "no answer", beside network errors of all kinds (the driver has some that it does not export): the command may or
 * may not have happened.
 */
const NO_ANSWER = new Set([
  'MongoServerSelectionError',
  'MongoWaitQueueTimeoutError',
  'MongoOperationTimeoutError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoTopologyClosedError',
  'MongoNotConnectedError',
  'MongoClientClosedError',
  'MongoExpiredSessionError',
]);

export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** What the operating system says of a connection that broke: the driver passes some of it on as it is. */
const BROKEN_CONNECTION = new Set(['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

const isBrokenConnection = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && 'code' in error && BROKEN_CONNECTION.has(String(error.code));

/** What kept a bulk write from being answered is wrapped by the driver, and has another name then. */
const bare = (error: unknown): unknown =>
  error instanceof MongoBulkWriteError && (error.errorResponse as unknown) instanceof Error
    ? error.errorResponse
    : error;

/** No answer came, so the write may have happened. */
export const isUnknownResult = (error: unknown): boolean => {
  const cause = bare(error);
  const unanswered = cause instanceof MongoNetworkError || (cause instanceof MongoError && NO_ANSWER.has(cause.name));
  return unanswered || isBrokenConnection(cause);
};

/**
 * The server gave this write up for the sake of another one: it did not happen, and may simply be repeated. Servers on PostgreSQL say so in
 * its words.
 */
export const isWriteConflict = (error: unknown): boolean =>
  error instanceof MongoServerError && (error.code === WRITE_CONFLICT || /deadlock detected/i.test(error.message));

const isPassing = (error: unknown): boolean =>
  isUnknownResult(error) ||
  isWriteConflict(error) ||
  (error instanceof MongoServerError &&
    (PASSING_CODES.has(Number(error.code)) || /no space left|disk full|quota/i.test(error.message)));

/**
 * Runs a store operation and translates what the driver throws, once for all repositories.
 * @throws ChatError UNAVAILABLE (retryAfter 1 s) when the store does not answer or cannot take the write; anything else is a defect and passes as it is
 */
export async function guarded<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (isPassing(error))
      throw new ChatError('UNAVAILABLE', { reason: 'The store did not answer', retryAfter: 1, cause: error });
    throw error;
  }
}
