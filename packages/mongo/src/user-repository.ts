import type { UserRepository } from '@confab/chat';
import type { UserProfile } from '@confab/contracts';
import type { UpdateFilter } from 'mongodb';
import type { Collections } from './collections.ts';
import { toUser, type UserDoc } from './documents.ts';
import { guarded, isDuplicateKey } from './failures.ts';

const PROFILE_FIELDS = ['firstName', 'lastName', 'name', 'profileImage'] as const satisfies (keyof UserProfile)[];

function replaceProfile(profile: UserProfile): UpdateFilter<UserDoc> {
  const present = PROFILE_FIELDS.filter((field) => profile[field] !== undefined);
  const absent = PROFILE_FIELDS.filter((field) => profile[field] === undefined);
  return {
    ...(present.length > 0 && { $set: Object.fromEntries(present.map((field) => [field, profile[field]])) }),
    ...(absent.length > 0 && { $unset: Object.fromEntries(absent.map((field) => [field, ''])) }),
  };
}

export function createUserRepository({ users }: Collections): UserRepository {
  /** Two first contacts race on the same _id: the loser finds the user there and updates it. */
  const upsert = (id: string, update: object) =>
    guarded(async () => {
      try {
        await users.updateOne({ _id: id }, update, { upsert: true });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        await users.updateOne({ _id: id }, update);
      }
    });

  return {
    findMany: (ids) =>
      guarded(async () => (ids.length === 0 ? [] : (await users.find({ _id: { $in: ids } }).toArray()).map(toUser))),
    put: (profiles) =>
      guarded(async () => {
        const operations = profiles.map(({ id, profile }) => ({
          updateOne: { filter: { _id: id }, update: replaceProfile(profile), upsert: true },
        }));
        try {
          await users.bulkWrite(operations, { ordered: false });
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
          await users.bulkWrite(operations, { ordered: false });
        }
      }),
    merge: async (id, profile) => {
      const set = Object.fromEntries(
        PROFILE_FIELDS.filter((f) => profile[f] !== undefined).map((f) => [f, profile[f]]),
      );
      await upsert(id, Object.keys(set).length > 0 ? { $set: set } : { $setOnInsert: { _id: id } });
    },
    setLastSeen: (id, at) => upsert(id, { $max: { lastSeen: at } }),
    exists: (id) => guarded(async () => (await users.findOne({ _id: id }, { projection: { _id: 1 } })) !== null),
  };
}
