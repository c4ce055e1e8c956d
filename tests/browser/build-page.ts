import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Builds the page that the tests open, in a process of its own: the test runner's NODE_ENV would make it a development build. */
export default async function setup(): Promise<void> {
  const cwd = fileURLToPath(new URL('../../services/web', import.meta.url));
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn'], {
    cwd,
    env,
  });
}
