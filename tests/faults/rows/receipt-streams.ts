import type { Redis } from 'ioredis';
import type { Rig } from '../rig.ts';

/** Keys as operators find them in Redis (docs of the streams): four partitions, one consumer group. */
const PARTITIONS = 4;
export const GROUP = 'receipts';
export const receiptStreams = Array.from({ length: PARTITIONS }, (_, p) => `confab:receipts:{r${p}}`);
export const deadLetterStreams = receiptStreams.map((key) => `${key}:dead`);

/** Entries in the hands of one worker. A missing group has none. */
export async function pendingOf({ redisClient }: Rig, consumer: string): Promise<number> {
  let pending = 0;
  for (const stream of receiptStreams) pending += await pendingIn(redisClient, stream, consumer);
  return pending;
}

async function pendingIn(redis: Redis, stream: string, consumer: string): Promise<number> {
  const entries = (await redis.xpending(stream, GROUP, '-', '+', 1_000, consumer)) as unknown[];
  return entries.length;
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
