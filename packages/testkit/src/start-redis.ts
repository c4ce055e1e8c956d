import { createConnection } from 'node:net';
import { findOnPath, spawnTestProcess, stopTestProcess, type TestProcess } from './child-process.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { tempDir } from './temp-dir.ts';

export interface StartRedisOptions {
  /** Further arguments of redis-server, for example `['--maxmemory', '20mb']`. */
  args?: string[];
  /** Append-only file with fsync on every write, so that `kill` and `restart` lose nothing. Default: nothing is kept. */
  persistence?: boolean;
}

export interface TestRedisServer extends AsyncDisposable {
  url: string;
  port: number;
  readonly pid: number;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
  /** kill -9; `restart` brings it back on the same port. */
  kill(): Promise<void>;
  /** Ends the server if it runs, and starts it on the same port and data. */
  restart(): Promise<void>;
}

export const REDIS_INSTALL_HINT =
  'redis-server is not on PATH: install Redis 7 or newer (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis)';

const START_TRIES = 5;

/**
 * Starts a private redis-server on a free port of 127.0.0.1, with a directory of its own.
 * @throws Error that names the install command if there is no redis-server
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<TestRedisServer> {
  const binary = findOnPath('redis-server');
  if (!binary) throw new Error(REDIS_INSTALL_HINT);
  const directory = await tempDir('redis');
  const { port, running } = await launchOnFreePort(binary, directory.path, options);
  let server = running;

  const kill = async () => {
    server.child.kill('SIGKILL');
    await server.exited;
  };
  const stop = async () => {
    await stopTestProcess(server);
    await directory.remove();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.child.pid ?? -1;
    },
    kill,
    stop,
    async restart() {
      await stopTestProcess(server);
      server = await launch(binary, port, directory.path, options);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Another process may take the port between the look and the bind: then another port. */
async function launchOnFreePort(binary: string, directory: string, options: StartRedisOptions) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { port, running: await launch(binary, port, directory, options) };
    } catch (error) {
      if (attempt === START_TRIES) throw error;
    }
  }
}

async function launch(
  binary: string,
  port: number,
  directory: string,
  options: StartRedisOptions,
): Promise<TestProcess> {
  const persistence = options.persistence ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  const server = spawnTestProcess(binary, [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
    ...persistence,
    ...(options.args ?? []),
  ]);
  await eventually(async () => {
    if (server.child.exitCode !== null) return;
    await ping(port);
  }, 10_000);
  if (server.child.exitCode !== null) throw new Error(`redis-server did not start: ${server.output()}`);
  return server;
}

/** One PING over a bare socket: PONG, and not LOADING. */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer to PING')));
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      const answer = data.toString('utf8');
      if (answer.startsWith('+PONG')) resolve();
      else reject(new Error(`PING was answered with ${answer.trim()}`));
    });
  });
}
