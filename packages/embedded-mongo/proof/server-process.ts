/** The server in a process of its own, so that it can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** From start to the line that says ready, in milliseconds. */
  readonly startMs: number;
  /** Ends it with a signal and waits until it is gone. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Starts `main.ts` with arguments; resolves with what it printed and its exit code when it ends by itself. */
export function launch(args: readonly string[]): {
  child: ChildProcess;
  outcome: Promise<{ code: number; stderr: string }>;
} {
  const child = spawn(execPath, ['--conditions=confab-source', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += String(chunk);
  });
  const outcome = once(child, 'close').then(([code]) => ({ code: code as number, stderr }));
  return { child, outcome };
}

/** Starts a server on a data folder and waits until it is ready. */
export async function startProcess(dataDir: string): Promise<ServerProcess> {
  const started = performance.now();
  const { child, outcome } = launch(['--port', '0', '--data', dataDir]);
  const ready = new Promise<string>((resolve) => {
    child.stdout!.once('data', (line: Buffer) => resolve(String(line).trim().replace('MONGODB_URL=', '')));
  });
  const failed = outcome.then(({ code, stderr }) => Promise.reject(new Error(`server ended with ${code}: ${stderr}`)));
  const url = await Promise.race([ready, failed]);
  failed.catch(() => undefined); // later ends are asked for
  return {
    url,
    pid: child.pid!,
    startMs: performance.now() - started,
    end: async (signal) => {
      child.kill(signal);
      await outcome;
    },
  };
}
