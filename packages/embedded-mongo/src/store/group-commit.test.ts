import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type TransactionFlags } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MongoError } from '../errors.ts';
import { OVERLAPPING_COMMIT } from './group-commit.ts';
import { KeyValueStore } from './key-value-store.ts';

const key = (text: string) => Buffer.from(text);

describe.each([
  { commits: 'in this thread', quickMs: 1_000_000 },
  { commits: "in lmdb's threads", quickMs: -1 },
])('group commit $commits', ({ quickMs }) => {
  let folder: string;
  let store: KeyValueStore;
  let commits: number;
  let aborts: number;
  let free: number;
  let unreadable: boolean;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'group-commit-'));
    commits = 0;
    aborts = 0;
    free = 2 ** 30;
    unreadable = false;
    store = openStore();
  });

  const openStore = () =>
    new KeyValueStore(folder, {
      beforeCommit: () => commits++,
      afterAbort: () => {
        aborts++;
        if (unreadable) throw new Error('the store cannot be read');
      },
      disk: () => ({ free, size: 2 ** 30 }),
      quickMs,
    });
  const reopen = async () => {
    await store.close();
    store = openStore();
  };

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs jobs that wait together in one transaction', async () => {
    const jobs = Array.from({ length: 50 }, (_, i) =>
      store.writer.write(() => store.put(key(`k${i}`), key('v')), true),
    );
    await Promise.all(jobs);
    expect(commits).toBeLessThan(5);
    expect(store.has(key('k49'))).toBe(true);
  });

  it('lets each job see what those before it wrote', async () => {
    const read = () => Number(store.get(key('n')) ?? 0);
    const jobs = Array.from({ length: 50 }, () =>
      store.writer.write(() => {
        const next = read() + 1;
        store.put(key('n'), key(String(next)));
        return next;
      }, false),
    );
    expect(new Set(await Promise.all(jobs)).size).toBe(50);
  });

  it('answers the jobs of a rollback after which nothing can be read, and goes on when it can', async () => {
    unreadable = true;
    const jobs = [1, 2].map((n) =>
      store.writer.write(() => {
        store.put(key(`n${n}`), key('v'));
        throw new TypeError('a defect');
      }, true),
    );
    for (const job of jobs) await expect(job).rejects.toThrow('the store cannot be read');
    unreadable = false;
    await store.writer.write(() => store.put(key('later'), key('v')), true);
    expect([store.has(key('n1')), store.has(key('later'))]).toEqual([false, true]);
  });

  it('gives a MongoDB error to its own job only', async () => {
    const good = store.writer.write(() => store.put(key('good'), key('v')), true);
    const bad = store.writer.write(() => {
      throw new MongoError(2, 'no');
    }, true);
    await good;
    await expect(bad).rejects.toMatchObject({ code: 2 });
    expect(aborts).toBe(0);
  });

  it('rolls back what a job that breaks has written, and keeps the others', async () => {
    const before = store.writer.write(() => store.put(key('before'), key('v')), true);
    const broken = store.writer.write(() => {
      store.put(key('broken'), key('v'));
      throw new TypeError('a defect');
    }, true);
    const after = store.writer.write(() => store.put(key('after'), key('v')), true);
    await Promise.all([before, after]);
    await expect(broken).rejects.toMatchObject({ code: 1, message: 'a defect' });
    expect([store.has(key('before')), store.has(key('broken')), store.has(key('after'))]).toEqual([true, false, true]);
    expect(aborts).toBeGreaterThan(0);
  });

  it('refuses to add when the disk is nearly full, lets removals through, and heals', async () => {
    await store.writer.write(() => store.put(key('old'), key('v')), true);
    free = 8 * 2 ** 20;
    const added = store.writer.write(() => store.put(key('new'), key('v')), true);
    await expect(added).rejects.toMatchObject({ code: 14031 });
    await store.writer.write(() => store.remove(key('old')), true, false);
    free = 2 ** 30;
    await store.writer.write(() => store.put(key('new'), key('v')), true);
    expect([store.has(key('old')), store.has(key('new'))]).toEqual([false, true]);
  });

  it('shows a result that need not be durable at once, and keeps it', async () => {
    await store.writer.write(() => store.put(key('soon'), key('v')), false);
    expect(store.has(key('soon'))).toBe(true);
    await reopen();
    expect(store.has(key('soon'))).toBe(true);
  });

  it('keeps what was answered before a job broke', async () => {
    for (let i = 0; i < 3; i++) {
      await store.writer.write(() => store.put(key(`answered${i}`), key('v')), false);
      const broken = store.writer.write(() => {
        store.put(key(`broken${i}`), key('v'));
        throw new TypeError('a defect');
      }, i === 1);
      await expect(broken).rejects.toMatchObject({ code: 1 });
    }
    await reopen();
    const has = (name: string) => [0, 1, 2].map((i) => store.has(key(`${name}${i}`)));
    expect(has('answered')).toEqual([true, true, true]);
    expect(has('broken')).toEqual([false, false, false]);
  });

  it('closes with everything that was written, in whatever mixture', async () => {
    const jobs = Array.from({ length: 300 }, (_, i) =>
      store.writer.write(() => store.put(key(`m${i}`), key('v')), i % 3 === 0),
    );
    for (let i = 0; i < jobs.length; i += 30) await jobs[i];
    await reopen();
    expect(Array.from({ length: 300 }, (_, i) => store.has(key(`m${i}`)))).not.toContain(false);
  });

  it('refuses what comes while it closes, keeps what was there before', async () => {
    const before = store.writer.write(() => store.put(key('before'), key('v')), true);
    const closing = store.close();
    const after = store.writer.write(() => store.put(key('after'), key('v')), true);
    // runs behind the continuation of `close`, which has told lmdb to close by then
    const read = store.writer.drained().then(() => store.has(key('before')));
    const scan = store.writer.drained().then(() => [...store.scanKeys(key('a'), key('c'), false, 9)]);
    for (const late of [after, read, scan]) await expect(late).rejects.toMatchObject({ code: 11600 });
    await before;
    await closing;
    expect(() => store.get(key('before'))).toThrow(expect.objectContaining({ code: 11600 }));
    store = openStore();
    expect([store.has(key('before')), store.has(key('after'))]).toEqual([true, false]);
  });

  it('does not wait for requests that write on', async () => {
    const writeOn = async () => {
      for (let i = 0; i < 1000; i++) await store.writer.write(() => store.put(key('n'), key('v')), false);
    };
    const requests = Promise.allSettled(Array.from({ length: 3 }, writeOn));
    await store.writer.write(() => store.put(key('k'), key('v')), true);
    await store.close();
    expect((await requests).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    store = openStore();
  });
});

describe('lmdb', () => {
  it('has flushed what was committed in this thread with overlapping sync when the commit returns', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'group-commit-'));
    const options = { path: join(folder, 'data.mdb'), overlappingSync: true, trackMetrics: true };
    const root = open<string, string>(options);
    const syncing = () => (root.getStats() as { timeSync: number }).timeSync;
    for (let i = 0; i < 3; i++) {
      const before = syncing();
      root.transactionSync(() => root.putSync(`k${i}`, 'v'), OVERLAPPING_COMMIT as TransactionFlags);
      expect(syncing()).toBeGreaterThan(before);
    }
    await root.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
