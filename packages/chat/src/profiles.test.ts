import { expect, test } from 'vitest';
import type { StoredUser } from './model.ts';
import type { UserRepository } from './ports/repositories.ts';
import { cachedUsers, createContactBook } from './profiles.ts';

/** A repository in memory that counts what reaches it. */
function countingUsers() {
  const users = new Map<string, StoredUser>();
  const asked: string[][] = [];
  const written: string[] = [];
  const repository: UserRepository = {
    findMany: async (ids) => {
      asked.push(ids);
      return ids.flatMap((id) => users.get(id) ?? []);
    },
    put: async (list) => {
      for (const { id, profile } of list) users.set(id, { id, profile, lastSeen: null });
    },
    merge: async (id, profile) => {
      written.push(id);
      users.set(id, { id, profile: { ...users.get(id)?.profile, ...profile }, lastSeen: null });
    },
    setLastSeen: async () => {},
    exists: async (id) => users.has(id),
  };
  return { repository, asked, written };
}

test('a profile is asked for once while it is fresh, unknown users too, and again after that', async () => {
  const { repository, asked } = countingUsers();
  let now = 0;
  const users = cachedUsers(repository, { now: () => now });
  await repository.merge('alice', { name: 'Alice' });
  await users.findMany(['alice', 'nobody']);
  expect((await users.findMany(['alice', 'nobody'])).map((u) => u.id)).toEqual(['alice']);
  expect(asked).toHaveLength(1);
  now = 5_001;
  await users.findMany(['alice']);
  expect(asked).toHaveLength(2);
});

test('a change on this node shows at once', async () => {
  const { repository } = countingUsers();
  const users = cachedUsers(repository, { now: () => 0 });
  await users.merge('alice', { name: 'Alice' });
  await users.findMany(['alice']);
  await users.merge('alice', { name: 'Alicia' });
  expect((await users.findMany(['alice']))[0]?.profile.name).toBe('Alicia');
});

test('only a first contact or changed claims cost a write', async () => {
  const { repository, written } = countingUsers();
  const contacts = createContactBook(repository);
  for (const name of ['Alice', 'Alice', 'Alice', 'Alicia']) await contacts.meet('alice', { name });
  expect(written).toHaveLength(2);
});
