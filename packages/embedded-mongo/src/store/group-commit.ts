/**
 * The only writer. Jobs of all connections that wait at the same moment run one after the other inside one LMDB
 * transaction, and share one fsync. A job therefore never sees another one half done: what a job reads is what it
 * changes, which makes findAndModify and unique checks atomic without locks.
 *
 * While the disk is quick, transactions are committed in this thread: handing one to lmdb's threads and back costs more
 * than the commit. Then a transaction of jobs that need not be durable stays open for those that follow. Where commits
 * take long they are made in lmdb's threads, so that readers are not held up.
 */
import type { RootDatabase } from 'lmdb';
import { ErrorCode, MongoError, shuttingDown } from '../errors.ts';

/** A transaction is closed after this many milliseconds of work, so that readers are not held up. */
const BATCH_MS = 8;

/** How long jobs that need not be durable may stay uncommitted, in milliseconds. Source: MongoDB's journal is written every 100 ms. */
const OPEN_MS = 100;

/** Commits that take longer than this on average, in milliseconds, are made in lmdb's threads. */
const QUICK_MS = 2;

/** Milliseconds that one commit counts at most: one stall of the disk does not outweigh what follows. */
const STALL_MS = 8;

/** Of the transactions in lmdb's threads, each one of so many is made here, to see whether the disk has become quick. */
const PROBE_EVERY = 64;

/** lmdb's flags ABORTABLE, SYNCHRONOUS_COMMIT and NO_SYNC_FLUSH: with overlapping sync, the last flushes as lmdb's own threads do. */
export const OVERLAPPING_COMMIT = 0x10003;
/** ABORTABLE and SYNCHRONOUS_COMMIT: flushed before the commit returns. */
const PLAIN_COMMIT = 3;

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

/** A transaction that is held open in this thread. */
interface OpenTransaction {
  end: () => void;
  /** Settles when it is committed and on disk. */
  committed: Promise<void>;
  /** Milliseconds that its jobs took. */
  worked: number;
  timer: NodeJS.Timeout | undefined;
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
  /** Instead of QUICK_MS, for tests: below zero every disk is slow. */
  quickMs?: number;
}

export class GroupCommit {
  private readonly root: Syncable;
  private readonly hooks: GroupCommitHooks;
  private queue: Job[] = [];
  private unsynced: Job[] = [];
  private scheduled = false;
  private committing = false;
  private syncing = false;
  private closing = false;
  private open: OpenTransaction | undefined;
  /** What commits in this thread take of late, in milliseconds. */
  private commitMs = 0;
  private untilProbe = PROBE_EVERY;
  private idle: (() => void)[] = [];
  private readonly flags: number;

  /** @param overlapping whether the store was opened with lmdb's overlapping sync */
  constructor(root: RootDatabase, hooks: GroupCommitHooks, overlapping: boolean) {
    this.root = root as Syncable;
    this.hooks = hooks;
    this.flags = overlapping ? OVERLAPPING_COMMIT : PLAIN_COMMIT;
  }

  /**
   * Runs `job` in a write transaction. It may run twice when another job of the group makes the transaction fail, so
   * it changes nothing but the store and what `afterAbort` restores.
   *
   * @param durable wait for the fsync as well; otherwise the result is given when the job is done, and others see it
   * @param mayGrow false for removals: they are let through to the last of the disk
   * @throws MongoError 11600 once `close` was called
   */
  write<T>(job: () => T, durable: boolean, mayGrow = true): Promise<T> {
    if (this.closing) return Promise.reject(shuttingDown());
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ run: job, durable, mayGrow, resolve: resolve as (value: unknown) => void, reject });
      this.schedule();
    });
  }

  /**
   * Refuses new jobs, and resolves when those before are committed and on disk. Requests whose sockets are gone run on:
   * each job of theirs that got in would hold up the end, and one that came behind it would find lmdb half closed.
   */
  close(): Promise<void> {
    this.closing = true;
    return this.drained();
  }

  /** Resolves when nothing is queued or unsynced. */
  drained(): Promise<void> {
    void this.commitOpen();
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Ends the transaction that is open, if there is one: readers see nothing that a crash could undo. */
  commitOpen(): Promise<void> | undefined {
    return this.open && !this.committing ? this.finish(this.open, []) : undefined;
  }

  private isIdle(): boolean {
    return this.queue.length === 0 && this.unsynced.length === 0 && !this.syncing && !this.committing && !this.open;
  }

  private schedule(): void {
    if (this.scheduled || this.committing) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.runQueue();
    });
  }

  private async runQueue(): Promise<void> {
    if (this.queue.length === 0) return;
    const here = this.open !== undefined || this.isQuick() || this.untilProbe === 0;
    if (here && this.syncing) return; // one after the other: the end of the sync schedules again
    this.committing = true;
    if (here) await this.runHere();
    else await this.runInThreads();
    this.committing = false;
    this.startSync();
    if (this.queue.length > 0) this.schedule();
  }

  private isQuick(): boolean {
    return this.commitMs <= (this.hooks.quickMs ?? QUICK_MS);
  }

  /** In this thread: the transaction ends with the first job that must be durable, or when enough was done in it. */
  private async runHere(): Promise<void> {
    const transaction = this.open ?? this.begin();
    if (!transaction) return;
    const startedAt = performance.now();
    const done = this.runInChild(() => this.takeBatch());
    transaction.worked += performance.now() - startedAt;
    if (done.some((job) => job.durable) || transaction.worked > BATCH_MS) return this.finish(transaction, done);
    for (const job of done) settle(job);
    transaction.timer ??= setTimeout(() => void this.commitOpen(), OPEN_MS);
  }

  /** Undefined where lmdb refuses: what waits is told so. */
  private begin(): OpenTransaction | undefined {
    let end = () => {};
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    try {
      const committed = this.root.transactionSync(() => until, this.flags);
      this.open = { end, committed, worked: 0, timer: undefined };
    } catch (error) {
      for (const job of this.queue.splice(0)) job.reject(asMongoError(error));
    }
    return this.open;
  }

  /** Jobs in a child of the open transaction: one that breaks takes nothing with it that was answered before. */
  private runInChild(take: () => Job[]): Job[] {
    let jobs: Job[] = [];
    let ran = 0;
    try {
      void this.root.childTransaction(() => {
        jobs = take();
        ran = this.runJobs(jobs);
      });
      this.queue = jobs.slice(ran).concat(this.queue);
      return jobs.slice(0, ran);
    } catch (error) {
      const cause = this.readAnew() ?? error;
      if (isHopeless(jobs, cause, error)) for (const job of jobs) job.outcome = { error: asMongoError(cause) };
      else for (const job of jobs) this.runInChild(() => [job]);
      return jobs;
    }
  }

  /** lmdb ends the transaction, and syncs it, before anything else runs here. */
  private async finish({ end, committed, timer }: OpenTransaction, jobs: readonly Job[]): Promise<void> {
    clearTimeout(timer);
    const startedAt = performance.now();
    end();
    try {
      await committed;
    } catch (error) {
      const cause = this.readAnew() ?? error;
      for (const job of jobs) job.outcome = { error: asMongoError(cause) };
    }
    this.open = undefined;
    this.commitMs += (Math.min(performance.now() - startedAt, STALL_MS) - this.commitMs) / 8;
    this.untilProbe = PROBE_EVERY;
    for (const job of jobs) settle(job);
    this.signalIdle();
  }

  /** One transaction. lmdb commits it and syncs it in threads of its own: here only the jobs run. */
  private async runInThreads(): Promise<void> {
    const done = await this.commit(() => this.takeBatch());
    for (const job of done) if (!job.durable) settle(job);
    this.unsynced.push(...done.filter((job) => job.durable));
    if (this.untilProbe > 0) this.untilProbe--;
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

  /** @returns how many there was time for */
  private runJobs(jobs: readonly Job[]): number {
    const deadline = performance.now() + BATCH_MS;
    let ran = 0;
    while (ran < jobs.length && (ran === 0 || performance.now() < deadline)) runJob(jobs[ran++]!);
    this.hooks.beforeCommit();
    return ran;
  }

  /** Runs jobs in a transaction; returns those that ran, each with an outcome. The rest goes back to the queue. */
  private async commit(take: () => Job[]): Promise<Job[]> {
    let jobs: Job[] = [];
    let ran = 0;
    try {
      await this.root.childTransaction(() => {
        jobs = take();
        ran = this.runJobs(jobs);
      });
      this.queue = jobs.slice(ran).concat(this.queue);
      return jobs.slice(0, ran);
    } catch (error) {
      const cause = this.readAnew() ?? error;
      // One by one, to find the job that failed, so that the others keep their result.
      if (isHopeless(jobs, cause, error)) for (const job of jobs) job.outcome = { error: asMongoError(cause) };
      else for (const job of jobs) await this.commit(() => [job]);
      return jobs;
    }
  }

  /** After a rollback. @returns what failed where not even that could be read: jobs are answered with it, and later ones are not left waiting */
  private readAnew(): unknown {
    try {
      this.hooks.afterAbort();
      return undefined;
    } catch (error) {
      return error;
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

/** Nothing is gained by trying the jobs one by one: there is one, the disk is full, or what was rolled back could not be read anew. */
const isHopeless = (jobs: readonly Job[], cause: unknown, error: unknown): boolean =>
  jobs.length <= 1 || cause !== error || isDiskError(error);

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
