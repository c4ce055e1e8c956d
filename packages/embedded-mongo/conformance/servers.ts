/** The servers that the suite runs against: embedded always, others as the environment names them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { startEmbeddedMongo } from '../src/index.ts';

export interface TestServer {
  readonly name: string;
  readonly url: string;
  stop(): Promise<void>;
}

/** An embedded server on a folder of its own. */
export async function startEmbedded(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-mongo-'));
  const server = await startEmbeddedMongo({ dataDir: folder, port: 0 });
  return {
    name: 'embedded',
    url: server.url,
    stop: async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A mongod of which only the program is given. */
async function startBinary(binary: string): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mongod-'));
  const port = await freePort();
  const process = spawn(binary, ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1'], {
    stdio: 'ignore',
  });
  const url = `mongodb://127.0.0.1:${port}`;
  await answers(url, process);
  return {
    name: `mongod at ${binary}`,
    url,
    stop: async () => {
      process.kill('SIGTERM');
      await once(process, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the server answers; the driver waits for it. */
async function answers(url: string, process: ChildProcess): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 30_000 });
  const ended = once(process, 'exit').then(([code]) => {
    throw new Error(`mongod ended with ${code}`);
  });
  try {
    await Promise.race([client.db('admin').command({ ping: 1 }), ended]);
  } finally {
    await client.close();
  }
}

/** Starters of the servers that this run has, by name. */
export function serversOf(
  environment: Readonly<Record<string, string | undefined>>,
): readonly { name: string; start(): Promise<TestServer> }[] {
  const { MONGODB_URL: url, MONGOD_BINARY: binary } = environment;
  return [
    { name: 'embedded', start: startEmbedded },
    ...(url ? [{ name: 'MONGODB_URL', start: async () => ({ name: url, url, stop: async () => {} }) }] : []),
    ...(binary ? [{ name: 'MONGOD_BINARY', start: () => startBinary(binary) }] : []),
  ];
}
