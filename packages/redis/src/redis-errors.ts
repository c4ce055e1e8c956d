import { ChatError } from '@confab/contracts';

/** Replies of a Redis that works, but cannot serve this command now. Everything else that it refuses is a defect of ours. */
const TEMPORARY_REPLIES = new Set([
  ...['LOADING', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'MOVED', 'ASK', 'OOM', 'MISCONF', 'NOREPLICAS'],
  ...['BUSY', 'UNBLOCKED', 'NOAUTH', 'WRONGPASS', 'NOPERM'],
]);

/** Seconds after which a caller may try again: reconnecting takes at most about two. */
const RETRY_AFTER = 1;

/**
 * What a failed command means to the caller: UNAVAILABLE for a Redis that is away, stalled, full or failing over; the same error
 * for one that says that the command is wrong.
 */
export function translateRedisError(error: unknown): unknown {
  if (error instanceof ChatError) return error;
  if (replyCode(error) !== undefined && !TEMPORARY_REPLIES.has(replyCode(error) ?? '')) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  return unavailable(error);
}

export function unavailable(cause: unknown): ChatError {
  return new ChatError('UNAVAILABLE', { retryAfter: RETRY_AFTER, cause });
}

/** The first word of an error reply ("NOGROUP", "WRONGTYPE"), or undefined if the error is not a reply. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  return error.message.split(' ', 1)[0];
}
