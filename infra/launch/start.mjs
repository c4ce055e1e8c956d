// npm start: everything in one process, on a machine that has only Node and npm.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureInstalled, node, root } from './bootstrap.mjs';
import { ensureWebBuilt } from './build-web.mjs';

try {
  await ensureInstalled();
  await ensureWebBuilt();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const entry = path.join(root, 'services/standalone/src/main.ts');
const child = spawn(node, ['--conditions=confab-source', entry, ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
});
// A terminal sends its signals to the whole group; a supervisor only to us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
