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
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function spawnTestProcess(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): TestProcess {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = new Promise<number | null>((resolve) => {
    const settle = (code: number | null) => {
      running.delete(child);
      resolve(code);
    };
    child.once('exit', settle);
    child.once('error', (error) => {
      output += error.message;
      settle(null);
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
