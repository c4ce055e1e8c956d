import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { killWithThisProcess } from '../child-process.ts';

export type ServiceName = 'api' | 'gateway' | 'receipts' | 'standalone';

export interface ServiceOptions {
  name: ServiceName;
  /** Environment of the service; nothing of ours is inherited but PATH. */
  env: Record<string, string>;
  /** Everything that it writes goes here too. */
  logFile?: string;
  /** Milliseconds until it must listen. */
  startTimeoutMs?: number;
}

/** A service in a process of its own, that dies with the process that started it. */
export interface ServiceProcess {
  readonly name: ServiceName;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly running: boolean;
  /** The last lines that it wrote. */
  output(): string;
  /** Sends a signal (SIGSTOP, SIGCONT ...). */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM and the orderly end. @returns its exit code */
  stop(): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again with the same environment, on the same port if that was given. */
  restart(env?: Record<string, string>): Promise<void>;
}

/** Full collections come when the heap is three times what lived after the last one, and memory is given back a minute after one at the earliest. */
const RARE_FULL_COLLECTIONS = ['--heap-growing-percent=200', '--gc-memory-reducer-start-delay-ms=60000'];

/** Flags of Node with which a service runs in production: those of its image, which says why. */
export const NODE_FLAGS: Readonly<Record<ServiceName, readonly string[]>> = {
  api: ['--no-allocation-site-pretenuring', '--v8-pool-size=1', ...RARE_FULL_COLLECTIONS],
  gateway: ['--max-semi-space-size=16', '--v8-pool-size=1', ...RARE_FULL_COLLECTIONS],
  receipts: ['--no-allocation-site-pretenuring', '--v8-pool-size=1', ...RARE_FULL_COLLECTIONS],
  standalone: [],
};

const KEPT_LINES = 200;

interface Launched {
  child: ChildProcess;
  port: number;
  lines: string[];
  exited: Promise<number | null>;
}

/**
 * Starts a service from its sources and waits until it listens.
 * @throws Error with the service's last lines if it ends or does not listen in time
 */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
  let launched = await launch(options, log);
  return {
    name: options.name,
    get pid() {
      return launched.child.pid ?? -1;
    },
    get port() {
      return launched.port;
    },
    get url() {
      return `http://127.0.0.1:${launched.port}`;
    },
    get running() {
      return launched.child.exitCode === null && launched.child.signalCode === null;
    },
    output: () => launched.lines.join('\n'),
    signal: (signal) => void launched.child.kill(signal),
    stop() {
      launched.child.kill('SIGTERM');
      return launched.exited;
    },
    async kill() {
      launched.child.kill('SIGKILL');
      await launched.exited;
    },
    async restart(env = {}) {
      launched.child.kill('SIGKILL');
      await launched.exited;
      launched = await launch({ ...options, env: { ...options.env, ...env } }, log);
    },
  };
}

async function launch(options: ServiceOptions, log: WriteStream | undefined): Promise<Launched> {
  const entry = fileURLToPath(new URL(`../../../../services/${options.name}/src/main.ts`, import.meta.url));
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS[options.name], '--conditions=confab-source', '--disable-warning=ExperimentalWarning', entry],
    {
      env: { PATH: process.env.PATH ?? '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  killWithThisProcess(child);
  const lines: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const keep = (line: string) => {
    log?.write(`${line}\n`);
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  const port = await listening(child, keep, exited, options.startTimeoutMs ?? 60_000).catch((error: Error) => {
    child.kill('SIGKILL');
    throw new Error(`${options.name} ${error.message}\n${lines.slice(-10).join('\n')}`);
  });
  return { child, port, lines, exited };
}

/** Every service logs `listening` with its port once it serves. */
function listening(
  child: ChildProcess,
  keep: (line: string) => void,
  exited: Promise<number | null>,
  timeoutMs: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`did not listen within ${timeoutMs} ms`)), timeoutMs);
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it listened`));
    });
    createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
      keep(line);
      if (!line.includes('"msg":"listening"')) return;
      clearTimeout(timer);
      resolve((JSON.parse(line) as { port: number }).port);
    });
  });
}
