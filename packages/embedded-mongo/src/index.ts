/** A MongoDB server in this package: started in a worker thread (the default) or in the calling one. */
import { Worker } from 'node:worker_threads';
import { serve } from './serve.ts';

export { DataFolderError } from './store/data-folder.ts';

export interface EmbeddedMongoOptions {
  /** Folder of the data; created when missing. One process at a time may use it. */
  readonly dataDir: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Address to listen on; 127.0.0.1 by default: there is no login. */
  readonly host?: string;
  /** Run in a worker thread, so that queries do not hold up the caller's event loop. True by default. */
  readonly inWorker?: boolean;
  /** How often expired documents of TTL indexes are removed, in milliseconds; 60,000 by default. */
  readonly ttlIntervalMs?: number;
  /** How long a cursor may lie unused, in milliseconds; 600,000 by default. */
  readonly cursorTimeoutMs?: number;
}

export interface EmbeddedMongo {
  /** Connection string for the driver. */
  readonly url: string;
  readonly port: number;
  /** Stops taking connections, finishes queued writes, closes the store. @throws what ended the server before */
  close(): Promise<void>;
}

/** What the worker tells. */
export type WorkerMessage =
  | { type: 'ready'; port: number }
  | { type: 'failed'; message: string; isDataFolder: boolean };

/**
 * Starts a server.
 *
 * @throws DataFolderError when the folder cannot be written or is in use; the listener's error when the port is taken
 */
export async function startEmbeddedMongo(options: EmbeddedMongoOptions): Promise<EmbeddedMongo> {
  const host = options.host ?? '127.0.0.1';
  const full = { ...options, host };
  const server = options.inWorker === false ? await serve(full) : await serveInWorker(full);
  return {
    url: `mongodb://${host.includes(':') ? `[${host}]` : host}:${server.port}`,
    port: server.port,
    close: () => server.close(),
  };
}

async function serveInWorker(options: EmbeddedMongoOptions): Promise<{ port: number; close(): Promise<void> }> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const { inWorker: _inWorker, ...workerData } = options;
  const { DataFolderError } = await import('./store/data-folder.ts');
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData });
  let failure: unknown;
  worker.once('error', (error) => {
    failure = error;
  });
  const exited = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => (failure === undefined ? resolve() : reject(failure)));
  });
  // Whoever closes is told; until then clients find the port closed.
  exited.catch(() => {});
  const port = await new Promise<number>((resolve, reject) => {
    exited.then(() => reject(new Error('the server ended before it listened')), reject);
    worker.once('message', (message: WorkerMessage) => {
      if (message.type === 'ready') resolve(message.port);
      else reject(message.isDataFolder ? new DataFolderError(message.message) : new Error(message.message));
    });
  });
  worker.unref(); // a server that is still running does not keep a program from ending
  return {
    port,
    close: async () => {
      worker.ref();
      worker.postMessage('close');
      await exited;
    },
  };
}
