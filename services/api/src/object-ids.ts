import { randomBytes } from 'node:crypto';

/**
 * Ids in MongoDB's own form: 4 bytes of seconds, 5 random bytes of this process, a counter of 3. Made here so that the domain
 * knows a message's id before it is stored, without the driver.
 */
export function createObjectIds(now: () => number = Date.now): () => string {
  const processPart = randomBytes(5).toString('hex');
  let counter = randomBytes(3).readUIntBE(0, 3);
  return () => {
    counter = (counter + 1) % 0x1000000;
    const seconds = Math.floor(now() / 1_000) % 0x100000000;
    return seconds.toString(16).padStart(8, '0') + processPart + counter.toString(16).padStart(6, '0');
  };
}
