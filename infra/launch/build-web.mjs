// Builds the chat page if its sources are newer than what was built.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { filesBelow, fingerprint, node, root, run } from './bootstrap.mjs';

const web = 'services/web';
const dist = path.join(root, web, 'dist');
const stampFile = path.join(dist, '.built-from');

export async function ensureWebBuilt() {
  const wanted = fingerprint([
    ...filesBelow(`${web}/src`),
    ...filesBelow('packages/client/src'),
    ...filesBelow('packages/contracts/src'),
    `${web}/index.html`,
    `${web}/vite.config.ts`,
    'pnpm-lock.yaml',
  ]);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  process.stderr.write('Building the chat page (once) ...\n');
  const vite = path.join(root, web, 'node_modules/vite/bin/vite.js');
  await run(node, [vite, 'build', '--logLevel', 'error'], { cwd: path.join(root, web), stdio: ['ignore', 2, 2] });
  writeFileSync(stampFile, wanted);
}
