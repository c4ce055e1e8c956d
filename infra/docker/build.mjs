// Builds services to JavaScript, for images and other production installs: `npm run build -- api gateway`.
// Development needs no build: there everything runs from the TypeScript sources.
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SERVICES = ['api', 'gateway', 'receipts', 'standalone'];
const services = process.argv.length > 2 ? process.argv.slice(2) : SERVICES;

const projects = services.map((name) => `services/${name}/tsconfig.build.json`);
const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '-b', ...projects], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

// Lua files are read from beside the code that runs them.
for (const file of globSync('packages/*/src/**/*.lua', { cwd: root })) {
  const target = path.join(root, file.replace(/^(packages[\\/][^\\/]+[\\/])src/, '$1dist'));
  mkdirSync(path.dirname(target), { recursive: true });
  copyFileSync(path.join(root, file), target);
}
