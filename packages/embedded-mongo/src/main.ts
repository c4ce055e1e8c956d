/** Command line: `--port 27117 --data DIR [--host 127.0.0.1]`. Prints one line with the URL when ready. */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { startEmbeddedMongo } from './index.ts';

/**
 * Objects are made in the young generation, all of them. V8 takes those that were alive in a few collections for long-lived and makes the like of them in
 * the old one: here what a scan of one range needs, so that a list of 500 ranges left 0.8 MB there, and a full collection came with each 30th list.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

const USAGE = 'usage: mongod --data DIR [--port 27017] [--host 127.0.0.1]';

try {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '27017' },
      data: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
    },
  });
  const port = Number(values.port);
  if (!values.data || !Number.isInteger(port) || port < 0 || port > 65535) throw new Error(USAGE);
  const server = await startEmbeddedMongo({ dataDir: values.data, port, host: values.host, inWorker: false });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
  console.log(`MONGODB_URL=${server.url}`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
