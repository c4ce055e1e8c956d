import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const fixture = fileURLToPath(new URL('run-service-fixture.ts', import.meta.url));

function launch(mode: string) {
  const child = spawn(process.execPath, ['--conditions=confab-source', fixture, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    exit,
    lines: () =>
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    output: () => output,
  };
}

async function started(run: { output(): string; child: ChildProcess }): Promise<void> {
  await expect.poll(() => run.output(), { timeout: 20_000 }).toContain('"started"');
}

it.each(['SIGTERM', 'SIGINT'] as const)('closes and exits 0 on %s', async (signal) => {
  const run = launch('ok');
  await started(run);
  run.child.kill(signal);
  expect(await run.exit).toBe(0);
  expect(run.output()).toContain('shut down');
});

it('exits 1 with one clear line if it cannot start', async () => {
  const run = launch('start-fails');
  expect(await run.exit).toBe(1);
  expect(run.lines()).toHaveLength(1);
  expect(run.lines()[0].msg).toBe('start failed: Redis at redis://nowhere is not reachable');
});

it('ends at once on a second signal', async () => {
  const run = launch('hangs');
  await started(run);
  run.child.kill('SIGTERM');
  await expect.poll(() => run.output()).toContain('shutting down');
  run.child.kill('SIGTERM');
  expect(await run.exit).toBe(1);
});

it.each([
  ['throws-later', 'uncaught exception'],
  ['rejects-later', 'unhandled rejection: lost'],
])('logs and exits 1 when it %s', async (mode, message) => {
  const run = launch(mode);
  expect(await run.exit).toBe(1);
  // Not "the last line": pino writes it at once, past lines that are still on their way.
  const fatal = run.lines().filter(({ level }) => level === 'fatal');
  expect(fatal.map(({ msg }) => msg)).toEqual([expect.stringContaining(message)]);
});

it('exits 1 if it cannot close', async () => {
  const run = launch('close-fails');
  await started(run);
  run.child.kill('SIGTERM');
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain('shutdown failed: cannot close');
});
