import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { spawnTestProcess, stopTestProcess } from './child-process.ts';
import { eventually } from './eventually.ts';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a child dies with the process that started it, also when that one is killed', async () => {
  const module = fileURLToPath(new URL('./child-process.ts', import.meta.url));
  const script = `
    import { spawnTestProcess } from ${JSON.stringify(module)};
    console.log(spawnTestProcess('sleep', ['60']).child.pid);`;
  const parent = spawnTestProcess(process.execPath, ['--input-type=module', '-e', script]);
  const [line] = (await once(parent.child.stdout ?? parent.child, 'data')) as [Buffer];
  const pid = Number(line.toString('utf8'));
  expect(isAlive(pid)).toBe(true);
  parent.child.kill('SIGKILL');
  await eventually(() => expect(isAlive(pid)).toBe(false));
});

test('stop ends the child; its output is kept', async () => {
  const child = spawnTestProcess('sh', ['-c', 'echo started; exec sleep 60']);
  await eventually(() => expect(child.output()).toContain('started'));
  await stopTestProcess(child);
  expect(isAlive(child.child.pid ?? -1)).toBe(false);
});

test('a command that does not exist says so', async () => {
  const child = spawnTestProcess('no-such-command-anywhere', []);
  expect(await child.exited).toBeNull();
  expect(child.output()).toContain('ENOENT');
});
