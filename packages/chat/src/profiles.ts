import type { UserProfile } from '@confab/contracts';
import { gather } from './gather.ts';
import type { StoredUser } from './model.ts';
import type { Clock } from './ports/environment.ts';
import type { UserRepository } from './ports/repositories.ts';

interface Entry {
  user: StoredUser | undefined;
  until: number;
  /** It is being fetched ahead, or was in vain. */
  ahead?: boolean;
}

/** Milliseconds that a profile is served from memory: a changed name shows after at most this long on other nodes. */
const FRESH_MS = 5_000;
/**
 * Milliseconds after which a profile that is looked up is fetched again while it still serves: what is looked up again and again is never waited for.
 * Source: half of what it serves.
 */
const AHEAD_MS = 2_500;
/** Milliseconds between two fetches ahead, each for all that came due meanwhile. Source: a hundredth of the store's time at worst. */
const AHEAD_EVERY_MS = 100;
/** Profiles of one query; of a fetch ahead there is one. Source: a look-up of 500 ids takes the store about as long as a page of history. */
const AT_ONCE = 500;
/** Profiles kept. Source: 20,000 of about 300 bytes are 6 MB. */
const CAPACITY = 20_000;

/**
 * A UserRepository that answers repeated look-ups from memory. A send, a page and a list each name senders; without it each would
 * cost one more query for what hardly ever changes.
 */
export function cachedUsers(inner: UserRepository, clock: Clock): UserRepository {
  const entries = new Map<string, Entry>();
  const fetchAhead = fetchingAhead(inner, entries, (id, user) => keep(id, user));
  const keep = (id: string, user: StoredUser | undefined) => {
    entries.delete(id);
    entries.set(id, { user, until: clock.now() + FRESH_MS });
    if (entries.size > CAPACITY) entries.delete(entries.keys().next().value as string);
  };
  const { fetch, drop } = fetchingOnce(inner, keep);
  const forget = (ids: string[]) => {
    for (const id of ids) {
      entries.delete(id);
      drop(id);
    }
  };
  return {
    async findMany(ids) {
      const now = clock.now();
      const stale = ids.filter((id) => (entries.get(id)?.until ?? 0) <= now);
      for (const id of ids) fetchAhead(id, now);
      const found = new Map<string, StoredUser | undefined>(ids.map((id) => [id, entries.get(id)?.user]));
      if (stale.length > 0) {
        const fresh = await Promise.all(stale.map(fetch));
        stale.forEach((id, index) => {
          found.set(id, fresh[index]);
        });
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

/**
 * Fetches profiles, those that are asked for in one turn by one query, and those that are under way not again: a burst of somebody who is not known here yet
 * asked once for each of its messages.
 * @returns `drop`: the answer that is under way is older than what is asked for from now on
 */
function fetchingOnce(inner: UserRepository, keep: (id: string, user: StoredUser | undefined) => void) {
  const underWay = new Map<string, Promise<StoredUser | undefined>>();
  const gathered = gather<string, StoredUser | undefined>({
    size: AT_ONCE,
    atOnce: Number.POSITIVE_INFINITY,
    patienceMs: 0,
    run: async (ids) => {
      const users = new Map((await inner.findMany(ids)).map((user) => [user.id, user]));
      return ids.map((id) => ({ status: 'fulfilled', value: users.get(id) }));
    },
  });

  const fetch = (id: string): Promise<StoredUser | undefined> => {
    const earlier = underWay.get(id);
    if (earlier) return earlier;
    const isNewest = () => underWay.get(id) === fetching;
    const fetching: Promise<StoredUser | undefined> = gathered(id)
      .then((user) => {
        if (isNewest()) keep(id, user);
        return user;
      })
      .finally(() => {
        if (isNewest()) underWay.delete(id);
      });
    underWay.set(id, fetching);
    return fetching;
  };
  return { fetch, drop: (id: string) => underWay.delete(id) };
}

/** @returns what plans the fetch of a profile that is used and has served half its time */
function fetchingAhead(
  inner: UserRepository,
  entries: ReadonlyMap<string, Entry>,
  keep: (id: string, user: StoredUser | undefined) => void,
) {
  const due = new Map<string, Entry>();

  const fetchDue = async () => {
    const asked = new Map(due);
    due.clear();
    const found = await inner.findMany([...asked.keys()]).catch(() => undefined);
    if (!found) return; // they serve for a while yet; then whoever needs them fetches them, and is told if that fails
    const users = new Map(found.map((user) => [user.id, user]));
    // What was changed or dropped meanwhile is newer than this answer.
    for (const [id, entry] of asked) if (entries.get(id) === entry) keep(id, users.get(id));
  };

  return (id: string, now: number): void => {
    const entry = entries.get(id);
    if (!entry || entry.ahead || due.size >= AT_ONCE) return;
    const left = entry.until - now;
    if (left <= 0 || left > FRESH_MS - AHEAD_MS) return;
    if (due.size === 0) setTimeout(fetchDue, AHEAD_EVERY_MS).unref();
    entry.ahead = true;
    due.set(id, entry);
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
