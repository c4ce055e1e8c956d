/**
 * The only writer. Jobs of all connections that wait at the same moment run one after the other inside one LMDB
 * transaction, and share one fsync. A job therefore never sees another one half done: what a job reads is what it
 * changes, which makes findAndModify and unique checks atomic without locks.
 */
import type { RootDatabase, TransactionFlags } from 'lmdb';
import { ErrorCode, MongoError } from '../errors.ts';

/** lmdb's flags: commit before returning (2), but leave the flush to the shared sync below (0x10000). */
const COMMIT_WITHOUT_FLUSH = 0x10002 as TransactionFlags;
/** A transaction is closed after this many milliseconds of work, so that readers are not held up. */
const BATCH_MS = 8;
/** While a flush is under way, jobs gather until so many wait: each commit costs about 0.1 ms whatever its size. */
const GATHER = 25;

interface Job {
  run: () => unknown;
  durable: boolean;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  outcome?: { value: unknown } | { error: unknown };
}

/** `sync` exists in lmdb 3.5 and is missing from its types. */
type Syncable = RootDatabase & { sync(done: (error?: Error) => void): void };

export interface GroupCommitHooks {
  /** Runs inside each transaction, after its jobs. */
  beforeCommit: () => void;
  /** Runs after a transaction was rolled back: memory must be read again from the store. */
  afterAbort: () => void;
}

export class GroupCommit {
  private readonly root: Syncable;
  private readonly hooks: GroupCommitHooks;
  private queue: Job[] = [];
  private unsynced: Job[] = [];
  private scheduled = false;
  private syncing = false;
  private idle: (() => void)[] = [];

  constructor(root: RootDatabase, hooks: GroupCommitHooks) {
    this.root = root as Syncable;
    this.hooks = hooks;
  }

  /**
   * Runs `job` in a write transaction. It may run twice when another job of the group makes the transaction fail, so
   * it changes nothing but the store and what `afterAbort` restores.
   *
   * @param durable wait for the fsync as well; otherwise the result is given at commit
   */
  write<T>(job: () => T, durable: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ run: job, durable, resolve: resolve as (value: unknown) => void, reject });
      this.schedule();
    });
  }

  /** Resolves when nothing is queued or unsynced. */
  drained(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private isIdle(): boolean {
    return this.queue.length === 0 && this.unsynced.length === 0 && !this.syncing;
  }

  private schedule(): void {
    if (this.scheduled || (this.syncing && this.queue.length < GATHER)) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.runQueue();
    });
  }

  private runQueue(): void {
    if (this.queue.length === 0) return;
    const jobs = this.queue;
    this.queue = [];
    const ran = this.commit(jobs);
    if (ran < jobs.length) this.queue = jobs.slice(ran).concat(this.queue);
    const done = jobs.slice(0, ran);
    for (const job of done) if (!job.durable) settle(job);
    this.unsynced.push(...done.filter((job) => job.durable));
    this.startSync();
    if (this.queue.length > 0) this.schedule();
  }

  /** Returns how many of the jobs ran; each of those has an outcome. */
  private commit(jobs: Job[]): number {
    const deadline = performance.now() + BATCH_MS;
    let ran = 0;
    try {
      this.root.transactionSync(() => {
        while (ran < jobs.length && (ran === 0 || performance.now() < deadline)) {
          runJob(jobs[ran]!);
          ran++;
        }
        this.hooks.beforeCommit();
      }, COMMIT_WITHOUT_FLUSH);
      return ran;
    } catch (error) {
      this.hooks.afterAbort();
      if (jobs.length === 1 || isDiskError(error)) {
        for (const job of jobs) job.outcome = { error: asMongoError(error) };
        return jobs.length;
      }
      for (const job of jobs) this.commit([job]); // find the job that failed: the others keep their result
      return jobs.length;
    }
  }

  private startSync(): void {
    if (this.syncing) return;
    if (this.unsynced.length === 0) {
      this.signalIdle();
      return;
    }
    this.syncing = true;
    const jobs = this.unsynced;
    this.unsynced = [];
    this.root.sync((error) => {
      this.syncing = false;
      for (const job of jobs) {
        if (error) job.outcome = { error: asMongoError(error) };
        settle(job);
      }
      this.startSync();
      if (this.queue.length > 0) this.schedule();
    });
  }

  private signalIdle(): void {
    if (!this.isIdle()) return;
    for (const resolve of this.idle.splice(0)) resolve();
  }
}

/** An error that MongoDB itself would answer is the job's result; any other one rolls the transaction back. */
function runJob(job: Job): void {
  try {
    job.outcome = { value: job.run() };
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    job.outcome = { error };
  }
}

function settle(job: Job): void {
  const outcome = job.outcome!;
  if ('error' in outcome) job.reject(outcome.error);
  else job.resolve(outcome.value);
}

function isDiskError(error: unknown): boolean {
  return /space|ENOSPC|MDB_MAP_FULL|Input\/output/i.test(String((error as Error)?.message));
}

function asMongoError(error: unknown): unknown {
  if (error instanceof MongoError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MongoError(isDiskError(error) ? ErrorCode.OutOfDiskSpace : ErrorCode.InternalError, message);
}
