import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MongoError } from '../errors.ts';
import { KeyValueStore } from './key-value-store.ts';

const key = (text: string) => Buffer.from(text);

describe('group commit', () => {
  let folder: string;
  let store: KeyValueStore;
  let commits: number;
  let aborts: number;
  let free: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'group-commit-'));
    commits = 0;
    aborts = 0;
    free = 2 ** 30;
    store = new KeyValueStore(folder, {
      beforeCommit: () => commits++,
      afterAbort: () => aborts++,
      disk: () => ({ free, size: 2 ** 30 }),
    });
  });

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
});
