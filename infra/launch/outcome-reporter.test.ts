import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { OUTCOME_FILE } from './outcome-reporter.mjs';

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const reporter = fileURLToPath(new URL('./outcome-reporter.mjs', import.meta.url));

/** What a run of test files, by name, comes to. */
async function outcomeOf(files: Record<string, string>): Promise<{ passed: number; failures: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'outcome-'));
  try {
    for (const [name, body] of Object.entries(files)) await writeFile(join(folder, name), body);
    await writeFile(join(folder, 'vitest.config.mjs'), 'export default { test: { globals: true } };');
    const outcome = join(folder, 'outcome.json');
    const env = { ...process.env, [OUTCOME_FILE]: outcome, VITEST: '' };
    const run = spawn(process.execPath, [vitest, 'run', `--reporter=${reporter}`], {
      cwd: folder,
      env,
      stdio: 'ignore',
    });
    await once(run, 'exit');
    return JSON.parse(await readFile(outcome, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('names what failed, what was skipped and what could not be loaded', async () => {
  const { passed, failures } = await outcomeOf({
    'a.test.mjs': `test('right', () => {}); describe('of', () => { test('wrong', () => expect(1).toBe(2)); }); test.skip('left', () => {});`,
    'b.test.mjs': `throw new Error('no such thing');`,
  });
  expect(passed).toBe(1);
  expect(failures.sort()).toEqual([
    expect.stringContaining('a.test.mjs > left: skipped'),
    expect.stringContaining('a.test.mjs > of > wrong: AssertionError: expected 1 to be 2'),
    expect.stringContaining('b.test.mjs: Error: no such thing'),
  ]);
});

test('a file whose process ends is named with the signal, and so is each of its tests that did not end', async () => {
  const { failures } = await outcomeOf({
    'a.test.mjs': `test('ends', () => process.kill(process.pid, 'SIGKILL')); test('never', () => {});`,
  });
  expect(failures).toEqual([
    'a.test.mjs: did not finish',
    'a.test.mjs > ends: did not finish',
    'a.test.mjs > never: did not finish',
    expect.stringMatching(/outside of tests: .*signal SIGKILL/),
  ]);
});
