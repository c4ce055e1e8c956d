// npm run check: lint, format, dependency floors, types. That generated documents are up to date is a test of infra/docs.

import path from 'node:path';
import { ensureInstalled, node, root, run } from './bootstrap.mjs';
import { brokenFloors } from './dependency-floors.mjs';

const modules = path.join(root, 'node_modules');
const tsc = (project) => () => run(node, [path.join(modules, 'typescript/bin/tsc'), '-p', project]);

/** In the order in which a failure is cheapest to see. */
const STEPS = [
  [
    'lint and format',
    () => run(node, [path.join(modules, '@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']),
  ],
  ['dependency floors', checkFloors],
  ['types', tsc('tsconfig.json')],
  ['types of the client SDK', tsc('packages/client/tsconfig.json')],
  ['types of the chat page', tsc('services/web/tsconfig.json')],
  ['types of the browser tests', tsc('tests/browser/tsconfig.json')],
  ['types of the fault suite', tsc('tests/faults/tsconfig.json')],
];

async function checkFloors() {
  const broken = brokenFloors();
  if (broken.length > 0) throw new Error(broken.join('\n'));
}

try {
  await ensureInstalled();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
for (const [name, step] of STEPS) {
  const startedAt = performance.now();
  try {
    await step();
    process.stdout.write(`ok      ${name} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)\n`);
  } catch (error) {
    process.stdout.write(`failed  ${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
}
