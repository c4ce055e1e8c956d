/** Entry point of the worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerMessage } from './index.ts';
import { type ServeOptions, serve } from './serve.ts';
import { DataFolderError } from './store/data-folder.ts';

const port = parentPort!;
const tell = (message: WorkerMessage) => port.postMessage(message);

try {
  const server = await serve(workerData as ServeOptions);
  port.once('message', () => {
    // A failure ends the thread as an error, of which whoever closes is told.
    void server.close().finally(() => port.close());
  });
  tell({ type: 'ready', port: server.port });
} catch (error) {
  tell({ type: 'failed', message: (error as Error).message, isDataFolder: error instanceof DataFolderError });
  port.close();
}
