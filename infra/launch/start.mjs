// npm start: everything in one process, on a machine that has only Node and npm.
import path from 'node:path';
import { become, ensureInstalled, root } from './bootstrap.mjs';
import { ensureWebBuilt } from './build-web.mjs';

try {
  await ensureInstalled();
  await ensureWebBuilt();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

become([path.join(root, 'services/standalone/src/main.ts'), ...process.argv.slice(2)]);
