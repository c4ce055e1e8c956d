import { isDuplicateKey, isWriteConflict } from './failures.ts';

/**
 * Tries of a write that races others for a row that is not there yet. Source: each round of a race that nobody wins takes a server on PostgreSQL a
 * second (its deadlock_timeout), and an answer must be there within 5 s.
 */
const TRIES = 3;

/** The row is there now (or soon), and the same write again updates it: it did not happen itself. */
export const lostRace = (error: unknown): boolean => isDuplicateKey(error) || isWriteConflict(error);

/**
 * Runs a write that may make a row that others make at the same time, and again where it lost.
 * @param write the same each time; what of it was done may be done again
 * @param lost which errors say that another try may do
 * @returns what the first try that did not lose returned
 * @throws what the last of three tries threw; anything that is not a lost race at once
 */
export async function firstWrite<T>(write: () => Promise<T>, lost = lostRace): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries === TRIES || !lost(error)) throw error;
    }
  }
}
