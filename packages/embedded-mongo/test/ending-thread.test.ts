import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./thread-that-fails.ts', import.meta.url));

it('ends the thread of a server that breaks, not the process', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ending-thread-'));
  const { stdout } = await promisify(execFile)(execPath, ['--conditions=confab-source', PROGRAM, folder]);
  expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 3 }, () => 'a defect'));
  rmSync(folder, { recursive: true, force: true });
});
