/**
 * The only writer. Jobs of all connections that wait at the same moment run one after the other inside one LMDB
 * transaction, and share one fsync. A job therefore never sees another one half done: what a job reads is what it
 * changes, which makes findAndModify and unique checks atomic without locks.
 */
import type { RootDatabase } from 'lmdb';
import { ErrorCode, MongoError } from '../errors.ts';

/** A transaction is closed after this many milliseconds of work, so that readers are not held up. */
const BATCH_MS = 8;

/** Below this much free disk (a quarter of a small one), writes that add are refused; removals go on to a quarter of it. */
const RESERVE_BYTES = 16 * 2 ** 20;

interface Job {
  run: () => unknown;
  durable: boolean;
  mayGrow: boolean;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  outcome?: { value: unknown } | { error: unknown };
}

/** `sync` exists in lmdb 3.5 and is missing from its types. */
type Syncable = RootDatabase & { sync(done: (error?: Error) => void): void };

export interface GroupCommitHooks {
  /** Runs inside each transaction, after its jobs. */
  beforeCommit: () => void;
  /** Bytes of the disk: lmdb does not survive a write that the disk has no room for, so it must not come to that. */
  disk: () => { free: number; size: number };
  /** Runs after a transaction was rolled back: memory must be read again from the store. */
  afterAbort: () => void;
}

export class GroupCommit {
  private readonly root: Syncable;
  private readonly hooks: GroupCommitHooks;
  private queue: Job[] = [];
  private unsynced: Job[] = [];
  private scheduled = false;
  private committing = false;
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
   * @param mayGrow false for removals: they are let through to the last of the disk
   */
  write<T>(job: () => T, durable: boolean, mayGrow = true): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ run: job, durable, mayGrow, resolve: resolve as (value: unknown) => void, reject });
      this.schedule();
    });
  }

  /** Resolves when nothing is queued or unsynced. */
  drained(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private isIdle(): boolean {
    return this.queue.length === 0 && this.unsynced.length === 0 && !this.syncing && !this.committing;
  }

  private schedule(): void {
    if (this.scheduled || this.committing) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.runQueue();
    });
  }

  /** One transaction. lmdb commits it and syncs it in threads of its own: here only the jobs run. */
  private async runQueue(): Promise<void> {
    if (this.queue.length === 0) return;
    this.committing = true;
    const done = await this.commit(() => this.takeBatch());
    this.committing = false;
    for (const job of done) if (!job.durable) settle(job);
    this.unsynced.push(...done.filter((job) => job.durable));
    this.startSync();
    if (this.queue.length > 0) this.schedule();
  }

  /** What waits when the transaction begins, including what came while it was being prepared. */
  private takeBatch(): Job[] {
    const { free, size } = this.hooks.disk();
    const reserve = Math.min(RESERVE_BYTES, size / 4);
    const fits = (job: Job) => free >= (job.mayGrow ? reserve : reserve / 4);
    const jobs = this.queue.filter(fits);
    const refused = this.queue.filter((job) => !fits(job));
    this.queue = [];
    for (const job of refused) job.reject(outOfSpace(free, reserve));
    return jobs;
  }

  /** Runs jobs in a transaction; returns those that ran, each with an outcome. The rest goes back to the queue. */
  private async commit(take: () => Job[]): Promise<Job[]> {
    let jobs: Job[] = [];
    let ran = 0;
    try {
      await this.root.childTransaction(() => {
        jobs = take();
        const deadline = performance.now() + BATCH_MS;
        while (ran < jobs.length && (ran === 0 || performance.now() < deadline)) runJob(jobs[ran++]!);
        this.hooks.beforeCommit();
      });
      this.queue = jobs.slice(ran).concat(this.queue);
      return jobs.slice(0, ran);
    } catch (error) {
      this.hooks.afterAbort();
      return this.recover(jobs, error);
    }
  }

  /** After a rollback: one by one, to find the job that failed, so that the others keep their result. */
  private async recover(jobs: Job[], error: unknown): Promise<Job[]> {
    if (jobs.length <= 1 || isDiskError(error)) {
      for (const job of jobs) job.outcome = { error: asMongoError(error) };
    } else for (const job of jobs) await this.commit(() => [job]);
    return jobs;
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

function outOfSpace(free: number, reserve: number): MongoError {
  return new MongoError(
    ErrorCode.OutOfDiskSpace,
    `available disk space of ${free} bytes is less than required minimum of ${reserve}`,
  );
}

function isDiskError(error: unknown): boolean {
  return /space|ENOSPC|MDB_MAP_FULL|Input\/output/i.test(String((error as Error)?.message));
}

function asMongoError(error: unknown): unknown {
  if (error instanceof MongoError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MongoError(isDiskError(error) ? ErrorCode.OutOfDiskSpace : ErrorCode.InternalError, message);
}
