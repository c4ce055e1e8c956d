import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats an assertion until it holds.
 * @param assertion throws, or returns false, while it does not hold yet
 * @param deadlineMs how long to try
 * @param pollMs pause between two tries
 * @returns what the assertion returned
 * @throws the last failure, with how long it was tried
 */
export async function eventually<T>(assertion: () => T | Promise<T>, deadlineMs = 5_000, pollMs = 20): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      const value = await assertion();
      if (value === false) throw new Error('the assertion returned false');
      return value;
    } catch (error) {
      if (Date.now() >= end)
        throw new Error(`did not hold within ${deadlineMs} ms: ${messageOf(error)}`, { cause: error });
    }
    await sleep(pollMs);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
