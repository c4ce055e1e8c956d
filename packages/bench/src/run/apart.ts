import { type ChildProcess, fork } from 'node:child_process';
import { killWithThisProcess } from '@confab/testkit';

/** What a process that works apart tells the one that started it: lines as they come, and in the end one of the others. */
export type Report<Result> = { log: string } | { result: Result } | { problem: string };

export interface ApartOptions {
  /** A module that takes the task as its first message and sends reports. */
  entry: URL;
  /** Of Node, beside those of this process. None if absent. */
  flags?: readonly string[];
  /** Takes each line as it comes. */
  log(text: string): void;
  /** Kills the process. */
  signal: AbortSignal;
}

/**
 * Has a task done by a process of its own, and waits until that is gone. It dies with this one, however this one ends.
 * @param task anything that can be cloned
 * @returns the result that it sent
 * @throws Error with the problem that it sent, or how it ended if it sent neither; the reason of the signal
 */
export async function runApart<Result>(
  task: object,
  { entry, flags = [], log, signal }: ApartOptions,
): Promise<Result> {
  signal.throwIfAborted();
  // As JSON what never arrived, which counts as endless, would be null.
  const child = fork(entry, {
    execArgv: [...process.execArgv, ...flags],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  killWithThisProcess(child);
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    let last: Exclude<Report<Result>, { log: string }> | undefined;
    child.on('message', (message) => {
      const report = message as Report<Result>;
      if ('log' in report) log(report.log);
      else last = report;
    });
    child.send(task);
    const end = await closed(child);
    signal.throwIfAborted();
    if (last === undefined) throw new Error(`its process ended (${end}) before it had a result`);
    if ('problem' in last) throw new Error(last.problem);
    return last.result;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** Waits for `close`, since `exit` may come before the last message. @returns in words how it ended */
const closed = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
    child.on('error', reject);
  });
