// Runs a TypeScript entry of the project with the workspace's own Node: node infra/launch/run-ts.mjs FILE [arguments]
import { spawn } from 'node:child_process';
import { ensureInstalled, node, root } from './bootstrap.mjs';

try {
  await ensureInstalled();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const child = spawn(node, ['--conditions=confab-source', ...process.argv.slice(2)], { stdio: 'inherit', cwd: root });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
