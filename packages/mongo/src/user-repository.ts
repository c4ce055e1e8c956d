import { gather, type UserRepository } from '@confab/chat';
import type { UserProfile } from '@confab/contracts';
import { MongoBulkWriteError, MongoServerError, type UpdateFilter } from 'mongodb';
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

/** Users of one command. Source: 300 bytes each. */
const AT_ONCE = 1_000;
/** Milliseconds that a write waits for the one before it at most. Source: a tenth of what a request may take at p99. */
const PATIENCE_MS = 10;
/**
 * Milliseconds between two commands while several users are written at a time. Source: when a gateway dies, its thousands of users come back over some
 * seconds, and every process meets each of them for the first time: one command for each was a seventh of the store's load then.
 */
const SPACING_MS = 100;

/** A write of one user. */
interface Upsert {
  id: string;
  update: UpdateFilter<UserDoc>;
  upsert: boolean;
}

/** Writes users that come together by one command. */
function createWrites(users: Collections['users']): (write: Upsert) => Promise<void> {
  const run = async (writes: readonly Upsert[]): Promise<PromiseSettledResult<void>[]> => {
    const sorted = inLockOrder(writes, ({ id }) => id);
    const operations = sorted.map(({ id, update, upsert }) => ({ updateOne: { filter: { _id: id }, update, upsert } }));
    const failures = await users.bulkWrite(operations, { ordered: false }).then(() => new Map(), failuresOf);
    const reasons = new Map([...failures].map(([index, reason]) => [sorted[index], reason]));
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
  const alone = async ({ id, update, upsert }: Upsert): Promise<void> => {
    await users.updateOne({ _id: id }, update, { upsert });
  };
  const upsert = (write: (write: Upsert) => Promise<void>, id: string, update: UpdateFilter<UserDoc>) =>
    guarded(() => firstWrite(() => write({ id, update, upsert: true })));

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
    merge: async (id, profile) => {
      const set = Object.fromEntries(
        PROFILE_FIELDS.filter((f) => profile[f] !== undefined).map((f) => [f, profile[f]]),
      );
      await upsert(gathered, id, Object.keys(set).length > 0 ? { $set: set } : { $setOnInsert: { _id: id } });
    },
    // Users who went offline are noted one after the other: each would wait for the next command.
    setLastSeen: (id, at) => upsert(alone, id, { $max: { lastSeen: at } }),
    exists: (id) => guarded(async () => (await users.findOne({ _id: id }, { projection: { _id: 1 } })) !== null),
  };
}
