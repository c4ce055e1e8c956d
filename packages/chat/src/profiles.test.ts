import { expect, test, vi } from 'vitest';
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

/** A cache over a repository whose answers wait until they are called for, in the order of the queries. */
function answeringLater(repository: UserRepository) {
  const answers: (() => void)[] = [];
  const findMany: UserRepository['findMany'] = async (ids) => {
    const found = await repository.findMany(ids);
    await new Promise<void>((resolve) => answers.push(resolve));
    return found;
  };
  return { users: cachedUsers({ ...repository, findMany }, { now: () => 0 }), answers };
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

test('a profile that is used is fetched again before its time is over, together with others, and nobody waits for it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { repository, asked } = countingUsers();
    let now = 0;
    const users = cachedUsers(repository, { now: () => now });
    for (const id of ['alice', 'bob', 'carol']) await repository.merge(id, { name: id });
    await users.findMany(['alice', 'bob', 'carol']);
    now = 2_600;
    await repository.merge('alice', { name: 'Alicia' }); // on another node
    for (const id of ['alice', 'bob', 'alice']) await users.findMany([id]);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked[1]).toEqual(['alice', 'bob']);
    now = 5_500;
    expect((await users.findMany(['alice']))[0]?.profile.name).toBe('Alicia');
    expect(asked).toHaveLength(2);
    await users.findMany(['carol']);
    expect(asked[2]).toEqual(['carol']);
  } finally {
    vi.useRealTimers();
  }
});

test('what was written while it was fetched ahead is not overwritten by the answer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { repository } = countingUsers();
    let now = 0;
    let answer = () => {};
    const slow: UserRepository = {
      ...repository,
      findMany: async (ids) => {
        const found = await repository.findMany(ids);
        if (now > 0) await new Promise<void>((resolve) => (answer = resolve));
        return found;
      },
    };
    const users = cachedUsers(slow, { now: () => now });
    await repository.merge('alice', { name: 'Alice' });
    await users.findMany(['alice']);
    now = 3_000;
    await users.findMany(['alice']);
    await vi.advanceTimersByTimeAsync(100);
    await users.merge('alice', { name: 'Alicia' });
    answer();
    await vi.advanceTimersByTimeAsync(0);
    now = 0;
    expect((await users.findMany(['alice']))[0]?.profile.name).toBe('Alicia');
  } finally {
    vi.useRealTimers();
  }
});

test('a fetch ahead that fails harms nobody', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { repository, asked } = countingUsers();
    let now = 0;
    const failing: UserRepository = {
      ...repository,
      findMany: (ids) => (now === 3_000 ? Promise.reject(new Error('away')) : repository.findMany(ids)),
    };
    const users = cachedUsers(failing, { now: () => now });
    await repository.merge('alice', { name: 'Alice' });
    await users.findMany(['alice']);
    now = 3_000;
    await users.findMany(['alice']);
    await vi.advanceTimersByTimeAsync(100);
    expect((await users.findMany(['alice']))[0]?.profile.name).toBe('Alice');
    now = 5_001;
    await users.findMany(['alice']);
    expect(asked).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
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

test('what is looked up in one turn is one query, and what is being looked up is not asked for again', async () => {
  const { repository, asked } = countingUsers();
  const { users, answers } = answeringLater(repository);
  for (const id of ['alice', 'bob']) await repository.merge(id, { name: id });
  const together = [['alice'], ['alice', 'bob'], ['bob']].map((ids) => users.findMany(ids));
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  const later = [['alice'], ['alice', 'carol']].map((ids) => users.findMany(ids));
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  for (const answer of answers) answer();
  const found = await Promise.all([...together, ...later]);
  expect(found.map((list) => list.map(({ id }) => id))).toEqual([
    ['alice'],
    ['alice', 'bob'],
    ['bob'],
    ['alice'],
    ['alice'],
  ]);
  expect(asked).toEqual([['alice', 'bob'], ['carol']]);
});

test('who looks up what was written while it was looked up gets what was written', async () => {
  const { repository } = countingUsers();
  const { users, answers } = answeringLater(repository);
  await repository.merge('alice', { name: 'Alice' });
  const before = users.findMany(['alice']);
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  await users.merge('alice', { name: 'Alicia' });
  const after = users.findMany(['alice']);
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  for (const answer of answers) answer();
  expect((await before)[0]?.profile.name).toBe('Alice');
  expect((await after)[0]?.profile.name).toBe('Alicia');
  expect((await users.findMany(['alice']))[0]?.profile.name).toBe('Alicia');
});

test('a look-up that fails is told to all who waited for it, and is made anew for the next', async () => {
  const { repository } = countingUsers();
  let away = true;
  const failing: UserRepository = {
    ...repository,
    findMany: (ids) => (away ? Promise.reject(new Error('away')) : repository.findMany(ids)),
  };
  const users = cachedUsers(failing, { now: () => 0 });
  await repository.merge('alice', { name: 'Alice' });
  const outcomes = await Promise.allSettled([users.findMany(['alice']), users.findMany(['alice'])]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  away = false;
  expect(await users.findMany(['alice'])).toHaveLength(1);
});
