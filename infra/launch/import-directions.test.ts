import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const REFUSED = [
  ['packages/contracts', '@confab/chat'],
  ['packages/chat', 'mongodb'],
  ['packages/chat', '@confab/mongo'],
  ['packages/mongo', '@confab/api'],
  ['packages/redis', '@confab/gateway'],
  ['packages/embedded-mongo', '@confab/chat'],
  ['services/api', '@confab/gateway'],
  ['services/receipts', '@confab/api'],
  ['services/gateway', 'mongodb'],
  ['services/gateway', '@confab/mongo'],
] as const;
const ALLOWED = [
  ['packages/chat', '@confab/contracts'],
  ['packages/mongo', '@confab/chat'],
  ['services/api', '@confab/mongo'],
  ['services/standalone', '@confab/gateway'],
] as const;

const fileOf = (place: string, imported: string) => `${place}/src/${imported.replaceAll(/\W/g, '-')}.ts`;
let folder: Awaited<ReturnType<typeof tempDir>>;
let refused: Set<string>;

/** One run of the linter, with the project's configuration, over a file for each import at its place. */
beforeAll(async () => {
  folder = await tempDir('imports');
  copyFileSync(path.join(root, 'biome.json'), path.join(folder.path, 'biome.json'));
  for (const [place, imported] of [...REFUSED, ...ALLOWED]) {
    const file = path.join(folder.path, fileOf(place, imported));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `import * as it from '${imported}';\n\nexport { it };\n`);
  }
  const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome');
  const args = [biome, 'lint', '--vcs-enabled=false', '--colors=off', '--max-diagnostics=200', '.'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' });
  const findings = (stdout + stderr).matchAll(/^(\S+\.ts):\d+:\d+ lint\/style\/noRestrictedImports/gm);
  refused = new Set([...findings].map(([, file]) => file ?? ''));
});
afterAll(() => folder.remove());

test.each(REFUSED)('%s may not import %s', (place, imported) => {
  expect([...refused]).toContain(fileOf(place, imported));
});

test.each(ALLOWED)('%s may import %s', (place, imported) => {
  expect([...refused]).not.toContain(fileOf(place, imported));
});
