/** Program of ending-thread.test.ts: threads that end with an error while lmdb's threads sync; prints how they ended. */
import { pbkdf2 } from 'node:crypto';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { KeyValueStore } from '../src/store/key-value-store.ts';

const THREADS = 3;

if (isMainThread) {
  const folder = process.argv[2]!;
  for (let i = 0; i < THREADS; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: `${folder}/${i}` });
    const failed = new Promise<Error>((resolve) => worker.once('error', resolve));
    await new Promise((resolve) => worker.once('exit', resolve));
    console.log((await failed).message);
  }
} else {
  const hooks = { beforeCommit: () => {}, afterAbort: () => {}, quickMs: -1 };
  const store = new KeyValueStore(workerData as string, hooks);
  const put = () => store.put(Buffer.from('k'), Buffer.from('v'));
  void store.writer.write(put, true);
  await store.writer.write(put, false);
  // both are committed by now; the sync of the first one is about to wait for a thread
  for (let i = 0; i < 8; i++) pbkdf2('', '', 100_000, 64, 'sha512', () => {});
  setImmediate(() => {
    throw new Error('a defect');
  });
}
