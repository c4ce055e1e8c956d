import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where an executable is on PATH, or null. */
export function findOnPath(name: string): string | null {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not there: the next directory may have it.
    }
  }
  return null;
}

/** A child process of a test that dies with the test's process, whose output is kept for messages. */
export interface TestProcess {
  child: ChildProcess;
  /** The last lines that it wrote. */
  output(): string;
  exited: Promise<number | null>;
}

const KEPT_OUTPUT = 16_384;

/**
 * Kills the child when this process is gone, however it went: a runner that is killed runs no exit handlers. The shell waits on a pipe
 * that only this process holds open; it is in a group of its own, so that Ctrl-C does not end it before the child.
 *
 * @param child a process that was just started; one that did not start is left alone
 */
export function killWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const script = `read -r _; kill -9 ${child.pid} 2>/dev/null`;
  const guard = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.unref();
  child.once('exit', () => guard.kill('SIGKILL'));
}

export function spawnTestProcess(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): TestProcess {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  killWithThisProcess(child);
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', (error) => {
      output += error.message;
      resolve(null);
    });
  });
  return { child, output: () => output, exited };
}

/** SIGTERM, and SIGKILL after `graceMs`. */
export async function stopTestProcess(target: TestProcess, graceMs = 5_000): Promise<void> {
  target.child.kill('SIGTERM');
  const timer = setTimeout(() => target.child.kill('SIGKILL'), graceMs);
  await target.exited;
  clearTimeout(timer);
}
