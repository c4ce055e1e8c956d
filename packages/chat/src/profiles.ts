import type { UserProfile } from '@confab/contracts';
import type { StoredUser } from './model.ts';
import type { Clock } from './ports/environment.ts';
import type { UserRepository } from './ports/repositories.ts';

interface Entry {
  user: StoredUser | undefined;
  until: number;
}

/** Milliseconds that a profile is served from memory: a changed name shows after at most this long on other nodes. */
const FRESH_MS = 5_000;
/** Profiles kept. Source: 20,000 of about 300 bytes are 6 MB. */
const CAPACITY = 20_000;

/**
 * A UserRepository that answers repeated look-ups from memory. A send, a page and a list each name senders; without it each would
 * cost one more query for what hardly ever changes.
 */
export function cachedUsers(inner: UserRepository, clock: Clock): UserRepository {
  const entries = new Map<string, Entry>();
  const keep = (id: string, user: StoredUser | undefined) => {
    entries.delete(id);
    entries.set(id, { user, until: clock.now() + FRESH_MS });
    if (entries.size > CAPACITY) entries.delete(entries.keys().next().value as string);
  };
  const forget = (ids: string[]) => {
    for (const id of ids) entries.delete(id);
  };

  return {
    async findMany(ids) {
      const now = clock.now();
      const stale = ids.filter((id) => (entries.get(id)?.until ?? 0) <= now);
      const found = new Map<string, StoredUser | undefined>(ids.map((id) => [id, entries.get(id)?.user]));
      if (stale.length > 0) {
        const fresh = new Map((await inner.findMany(stale)).map((user) => [user.id, user]));
        for (const id of stale) {
          keep(id, fresh.get(id));
          found.set(id, fresh.get(id));
        }
      }
      return [...found.values()].filter((user) => user !== undefined);
    },
    async put(users) {
      await inner.put(users);
      forget(users.map((user) => user.id));
    },
    async merge(id, profile) {
      await inner.merge(id, profile);
      forget([id]);
    },
    setLastSeen: inner.setLastSeen,
    exists: inner.exists,
  };
}

/** Remembers whose profile was written lately, so that only a first contact or a changed claim costs a write. */
export function createContactBook(users: UserRepository) {
  const known = new Map<string, string>();
  return {
    /** Creates or refreshes the user from the claims of their token. */
    async meet(userId: string, profile: UserProfile): Promise<void> {
      const fingerprint = JSON.stringify(profile);
      if (known.get(userId) === fingerprint) return;
      await users.merge(userId, profile);
      known.delete(userId);
      known.set(userId, fingerprint);
      if (known.size > CAPACITY) known.delete(known.keys().next().value as string);
    },
  };
}

export type ContactBook = ReturnType<typeof createContactBook>;

/** Users by id. */
export async function usersById(users: UserRepository, ids: Iterable<string>): Promise<Map<string, StoredUser>> {
  return new Map((await users.findMany([...new Set(ids)])).map((user) => [user.id, user]));
}
