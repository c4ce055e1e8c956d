import { createHash } from 'node:crypto';
import { gather, type UserRepository } from '@confab/chat';
import type { UserProfile } from '@confab/contracts';
import { MongoBulkWriteError, MongoServerError, type UpdateFilter, type UpdateOneModel } from 'mongodb';
import type { Collections } from './collections.ts';
import { toUser, type UserDoc } from './documents.ts';
import { guarded } from './failures.ts';
import { firstWrite } from './first-writes.ts';
import { inLockOrder } from './lock-order.ts';

const PROFILE_FIELDS = ['firstName', 'lastName', 'name', 'profileImage'] as const satisfies (keyof UserProfile)[];

function replaceProfile(profile: UserProfile): UpdateFilter<UserDoc> {
  const present = PROFILE_FIELDS.filter((field) => profile[field] !== undefined);
  const absent = PROFILE_FIELDS.filter((field) => profile[field] === undefined);
  return {
    ...(present.length > 0 && { $set: Object.fromEntries(present.map((field) => [field, profile[field]])) }),
    ...(absent.length > 0 && { $unset: Object.fromEntries(absent.map((field) => [field, ''])) }),
  };
}

/** Users of one command. Source: 800 bytes each. */
const AT_ONCE = 1_000;
/** Milliseconds that a write waits for the one before it at most. Source: a tenth of what a request may take at p99. */
const PATIENCE_MS = 10;
/**
 * Milliseconds between two commands while several users are written at a time. Source: when a gateway dies, its thousands of users come back over some
 * seconds, and every process meets each of them for the first time: one command for each was a seventh of the store's load then.
 */
const SPACING_MS = 100;

/** What is written of one user by one command, whatever the order of it. */
interface Write {
  id: string;
  updates: UpdateOneModel<UserDoc>[];
}

/**
 * The user with these claims, if they were not the last ones merged: else whichever process met them next would write them over what an admin has put since.
 * Two updates: one with both conditions would fail as a duplicate for each user whose claims are known.
 */
function merging(id: string, claims: UserProfile): Write {
  const fields = PROFILE_FIELDS.flatMap((field) => (claims[field] === undefined ? [] : [[field, claims[field]]]));
  // Claims that say nothing change nothing, and are no others either.
  if (fields.length === 0)
    return { id, updates: [{ filter: { _id: id }, update: { $setOnInsert: { _id: id } }, upsert: true }] };
  const mergedClaims = createHash('sha256').update(JSON.stringify(fields)).digest('base64url');
  const merged = { ...Object.fromEntries(fields), mergedClaims };
  return {
    id,
    updates: [
      { filter: { _id: id, mergedClaims: { $ne: mergedClaims } }, update: { $set: merged } },
      { filter: { _id: id }, update: { $setOnInsert: merged }, upsert: true },
    ],
  };
}

/** Writes users that come together by one command. */
function createWrites(users: Collections['users']): (write: Write) => Promise<void> {
  const run = async (writes: readonly Write[]): Promise<PromiseSettledResult<void>[]> => {
    const sorted = inLockOrder(writes, ({ id }) => id);
    const parts = sorted.flatMap((write) => write.updates.map((updateOne) => ({ write, updateOne })));
    const operations = parts.map(({ updateOne }) => ({ updateOne }));
    const failures = await users.bulkWrite(operations, { ordered: false }).then(() => new Map(), failuresOf);
    const reasons = new Map([...failures].map(([index, reason]) => [parts[index]?.write, reason]));
    return writes.map((write) =>
      reasons.has(write)
        ? { status: 'rejected', reason: reasons.get(write) }
        : { status: 'fulfilled', value: undefined },
    );
  };
  return gather({ run, size: AT_ONCE, atOnce: 1, patienceMs: PATIENCE_MS, spacingMs: SPACING_MS });
}

/** Why single writes were refused, by their place. @throws the error itself if it is not about single ones */
function failuresOf(error: unknown): Map<number, MongoServerError> {
  if (!(error instanceof MongoBulkWriteError)) throw error;
  const single = [error.writeErrors].flat();
  // Without the majority none of them is certain.
  if (single.length === 0 || error.result.getWriteConcernError()) throw error;
  return new Map(single.map(({ index, code, errmsg }) => [index, new MongoServerError({ code, message: errmsg })]));
}

export function createUserRepository({ users }: Pick<Collections, 'users'>): UserRepository {
  const gathered = createWrites(users);
  const noteLastSeen = async (id: string, at: number): Promise<void> => {
    await users.updateOne({ _id: id }, { $max: { lastSeen: at } }, { upsert: true });
  };

  return {
    findMany: (ids) =>
      guarded(async () => (ids.length === 0 ? [] : (await users.find({ _id: { $in: ids } }).toArray()).map(toUser))),
    put: (profiles) =>
      guarded(async () => {
        const operations = inLockOrder(profiles, ({ id }) => id).map(({ id, profile }) => ({
          updateOne: { filter: { _id: id }, update: replaceProfile(profile), upsert: true },
        }));
        await firstWrite(() => users.bulkWrite(operations, { ordered: false }));
      }),
    merge: (id, claims) => guarded(() => firstWrite(() => gathered(merging(id, claims)))),
    // Users who went offline are noted one after the other: each would wait for the next command.
    setLastSeen: (id, at) => guarded(() => firstWrite(() => noteLastSeen(id, at))),
    exists: (id) => guarded(async () => (await users.findOne({ _id: id }, { projection: { _id: 1 } })) !== null),
  };
}
