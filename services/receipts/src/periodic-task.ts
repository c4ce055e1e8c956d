import type { Log } from '@confab/chat';

export interface PeriodicTask {
  /** Milliseconds since the task last finished without an error. */
  idleMs(): number;
  /** Ends after the run that is under way. */
  close(): Promise<void>;
}

export interface PeriodicTaskOptions {
  name: string;
  /** Milliseconds from the end of one run to the begin of the next. */
  everyMs: number;
  run(): Promise<unknown>;
  log: Log;
  /** Called for every run that failed. */
  onFailure?: () => void;
}

/** Longest pause after failures, in milliseconds. A store that comes back is noticed within it. */
const MAX_PAUSE_MS = 2_000;

/** Runs a task again and again, never two at once. A failure is logged when it begins and when it ends, and slows the next runs. */
export function startPeriodicTask({ name, everyMs, run, log, onFailure }: PeriodicTaskOptions): PeriodicTask {
  let closed = false;
  let failures = 0;
  let finishedAt = performance.now();
  let wake: () => void = () => {};

  const once = async () => {
    try {
      await run();
      if (failures > 0) log.info({ task: name, failures }, 'task works again');
      failures = 0;
      finishedAt = performance.now();
    } catch (error) {
      failures++;
      onFailure?.();
      if (failures === 1) log.warn({ err: error, task: name }, 'task failed; it is tried again');
    }
  };
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(everyMs, Math.min(MAX_PAUSE_MS, failures * 200)));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const loop = (async () => {
    while (!closed) {
      await once();
      if (!closed) await pause();
    }
  })();

  return {
    idleMs: () => performance.now() - finishedAt,
    close() {
      closed = true;
      wake();
      return loop;
    },
  };
}
