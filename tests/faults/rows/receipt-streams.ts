import type { Rig } from '../rig.ts';

/** Keys as operators find them in Redis (docs of the streams): four partitions, one consumer group. */
const PARTITIONS = 4;
export const GROUP = 'receipts';
export const receiptStreams = Array.from({ length: PARTITIONS }, (_, p) => `confab:receipts:{r${p}}`);
export const deadLetterStreams = receiptStreams.map((key) => `${key}:dead`);

export interface PendingEntry {
  stream: string;
  id: string;
}

/** Entries in the hands of one worker, up to 1,000 of each partition. */
export async function pendingOf({ redisClient }: Rig, consumer: string): Promise<PendingEntry[]> {
  const found: PendingEntry[] = [];
  for (const stream of receiptStreams) {
    const entries = (await redisClient.xpending(stream, GROUP, '-', '+', 1_000, consumer)) as [string][];
    found.push(...entries.map(([id]) => ({ stream, id })));
  }
  return found;
}

/** Those of the entries that nobody has acknowledged yet, with whoever holds them now. */
export async function stillPending({ redisClient }: Rig, entries: readonly PendingEntry[]): Promise<string[]> {
  const holders: string[] = [];
  for (const { stream, id } of entries) {
    const [found] = (await redisClient.xpending(stream, GROUP, id, id, 1)) as [string, string][];
    if (found) holders.push(found[1]);
  }
  return holders;
}

/** How many of the partitions have their consumer group. */
export async function groupsPresent({ redisClient }: Rig): Promise<number> {
  const found = await Promise.all(
    receiptStreams.map((stream) =>
      redisClient.xinfo('GROUPS', stream).then(
        (groups) => (groups as unknown[]).length > 0,
        () => false, // no such key
      ),
    ),
  );
  return found.filter(Boolean).length;
}

export async function deadLetterCount({ redisClient }: Rig): Promise<number> {
  const lengths = await Promise.all(deadLetterStreams.map((stream) => redisClient.xlen(stream)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
