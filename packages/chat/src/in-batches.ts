/**
 * Maps a list with at most `size` calls under way, so that one long list does not take every connection to the store.
 * @returns the results in the order of the list
 */
export async function inBatches<T, R>(list: readonly T[], size: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < list.length; from += size) {
    results.push(...(await Promise.all(list.slice(from, from + size).map(map))));
  }
  return results;
}

/** Calls of one request to the store at the same time. Source: a fraction of a process's 50 connections. */
export const AT_ONCE = 20;
