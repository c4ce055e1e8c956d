/**
 * The documents of a command in one order, whoever writes: a server with row locks keeps those of a command until its end, and two processes that write the same
 * documents in different orders would wait for each other.
 * @param keys what a document is known by, the first one first
 */
export function inLockOrder<T>(writes: readonly T[], ...keys: readonly ((write: T) => string)[]): T[] {
  return writes.toSorted((a, b) => {
    for (const key of keys) {
      const left = key(a);
      const right = key(b);
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  });
}
