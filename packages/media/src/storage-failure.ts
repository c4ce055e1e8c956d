import { ChatError } from '@confab/contracts';

/** Runs a call to a storage; whatever it throws becomes UNAVAILABLE, with the cause for the log. ChatErrors pass. */
export async function reaching<T>(storage: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw unreachable(storage, error);
  }
}

export function unreachable(storage: string, cause: unknown): ChatError {
  if (cause instanceof ChatError) return cause;
  return new ChatError('UNAVAILABLE', {
    retryAfter: 5,
    reason: `The media storage (${storage}) did not answer`,
    cause,
  });
}
