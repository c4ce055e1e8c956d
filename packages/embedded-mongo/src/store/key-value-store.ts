/** The LMDB environment: one ordered key space in which each collection and each index is a tree with a 4-byte prefix. */
import { statfsSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Database, open, type RootDatabase } from 'lmdb';
import { shuttingDown } from '../errors.ts';
import { GroupCommit, type GroupCommitHooks } from './group-commit.ts';

/** The longest key that LMDB takes with 4 KB pages. */
export const MAX_KEY_BYTES = 1978;
/** Tree id and record number around an index key. */
export const KEY_OVERHEAD = 10;

/** Options of a key range; `end` is exclusive. Reverse ranges start at their upper key. */
export interface KeyRange {
  start: Buffer;
  end: Buffer;
  reverse?: boolean;
  limit?: number;
}

type BinaryDatabase = RootDatabase<Buffer, Buffer> & Pick<Database<Buffer, Buffer>, 'getBinaryFast'>;

export class KeyValueStore {
  private readonly opened: BinaryDatabase;
  private closed = false;
  readonly writer: GroupCommit;

  constructor(folder: string, hooks: Omit<GroupCommitHooks, 'disk'> & Partial<GroupCommitHooks>) {
    const overlappingSync = platform() !== 'win32'; // lmdb's own choice, but GroupCommit must know it
    this.opened = withoutExitListener(() =>
      open({
        path: join(folder, 'data.mdb'),
        keyEncoding: 'binary',
        encoding: 'binary',
        maxReaders: 64,
        noMemInit: false,
        overlappingSync,
      }),
    ) as BinaryDatabase;
    this.writer = new GroupCommit(this.opened, { disk: () => diskOf(folder), ...hooks }, overlappingSync);
  }

  /**
   * The database, while it may be asked. lmdb ends its read transaction at once when it closes, the environment only when
   * its threads are done: what was read in between would use the memory of that transaction after it was given back, and
   * throw in a timer, which ends the thread.
   *
   * @throws MongoError 11600 from there on
   */
  private get root(): BinaryDatabase {
    if (this.closed) throw shuttingDown();
    return this.opened;
  }

  /** The value of a key in a buffer that the next read overwrites. */
  peek(key: Buffer): Buffer | undefined {
    return this.root.getBinaryFast(key);
  }

  /** A copy of the value of a key. */
  get(key: Buffer): Buffer | undefined {
    const bytes = this.root.getBinary(key);
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  has(key: Buffer): boolean {
    return this.root.getBinaryFast(key) !== undefined;
  }

  /** Only inside a write job. */
  put(key: Buffer, value: Buffer): void {
    this.root.putSync(key, value);
  }

  /** Only inside a write job. */
  remove(key: Buffer): void {
    this.root.removeSync(key);
  }

  /** Keys in order, as copies. */
  keys(range: KeyRange): Iterable<Buffer> {
    return this.root.getKeys({ ...range });
  }

  /** Entries in order, as copies. */
  entries(range: KeyRange): Iterable<{ key: Buffer; value: Buffer }> {
    return this.root.getRange({ ...range });
  }

  /** Keys in [lower, upper) as copies, from either end. */
  scanKeys(lower: Buffer, upper: Buffer, reverse: boolean, limit: number): Iterable<Buffer> {
    if (!reverse) return this.root.getKeys({ start: lower, end: upper, limit });
    return this.keysBackwards(lower, upper, limit);
  }

  private *keysBackwards(lower: Buffer, upper: Buffer, limit: number): Iterable<Buffer> {
    const range = { start: upper, end: lower, reverse: true, inclusiveEnd: true, limit: limit + 1 };
    let given = 0;
    for (const key of this.root.getKeys(range)) {
      if (key.compare(upper) < 0 && given++ < limit) yield key;
    }
  }

  /** Entries in [lower, upper) as copies, from either end. */
  scanEntries(lower: Buffer, upper: Buffer, reverse: boolean, limit: number): Iterable<{ key: Buffer; value: Buffer }> {
    if (!reverse) return this.root.getRange({ start: lower, end: upper, limit });
    return this.entriesBackwards(lower, upper, limit);
  }

  private *entriesBackwards(lower: Buffer, upper: Buffer, limit: number): Iterable<{ key: Buffer; value: Buffer }> {
    const range = { start: upper, end: lower, reverse: true, inclusiveEnd: true, limit: limit + 1 };
    let given = 0;
    for (const entry of this.root.getRange(range)) {
      if (entry.key.compare(upper) < 0 && given++ < limit) yield entry;
    }
  }

  /** Number of keys in a range, counted by LMDB without copying them. */
  countKeys(range: KeyRange): number {
    return this.root.getKeysCount({ start: range.start, end: range.end });
  }

  /** Refuses new writes, waits for those before, refuses reads and closes. What is refused gets MongoError 11600. */
  async close(): Promise<void> {
    await this.writer.close();
    this.closed = true;
    await this.opened.close();
  }
}

/**
 * Takes away what lmdb registers for the exit of the thread. It frees the environment while lmdb's own threads commit or
 * sync in it: an error that ended the server's thread was a segmentation fault of the whole process. Nothing is lost:
 * Node waits for those threads and then has lmdb's cleanup hook close, and what was acknowledged is on disk before.
 */
function withoutExitListener<T>(openStore: () => T): T {
  const before = process.listeners('exit');
  try {
    return openStore();
  } finally {
    for (const listener of process.listeners('exit')) if (!before.includes(listener)) process.off('exit', listener);
  }
}

function diskOf(folder: string): { free: number; size: number } {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}

/** Prefix of a tree's keys. */
export function treePrefix(treeId: number): Buffer {
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(treeId);
  return prefix;
}

/** The first key past a tree. */
export function afterTree(treeId: number): Buffer {
  return treePrefix(treeId + 1);
}
