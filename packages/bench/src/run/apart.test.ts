import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tempDir } from '@confab/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runApart } from './apart.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeAll(async () => {
  folder = await tempDir('apart');
});
afterAll(() => folder.remove());

/** Runs a script that has `task` and `send`, and stays until it ends itself. */
async function run(script: string, { task = {}, log = (_: string) => {}, signal = new AbortController().signal } = {}) {
  const file = join(folder.path, `${crypto.randomUUID()}.mjs`);
  const send = 'const send = (report) => new Promise((sent) => process.send(report, sent));';
  await writeFile(file, `${send}\nprocess.once('message', async (task) => {\n${script}\n});`);
  return runApart<unknown>(task, { entry: pathToFileURL(file), log, signal });
}

it('passes lines on as they come, and gives back the result as it was', async () => {
  const lines: string[] = [];
  const script = `
    await send({ log: 'first' });
    await send({ log: 'second' });
    await send({ result: [task.value, process.pid] });
    process.exit();`;
  const result = await run(script, { task: { value: Number.POSITIVE_INFINITY }, log: (line) => lines.push(line) });
  expect(result).toEqual([Number.POSITIVE_INFINITY, expect.any(Number)]);
  expect((result as number[])[1]).not.toBe(process.pid);
  expect(lines).toEqual(['first', 'second']);
});

it('throws the problem that it was told', async () => {
  await expect(run(`await send({ problem: 'it does not start' }); process.exit();`)).rejects.toThrow(
    'it does not start',
  );
});

it('says how a process ended that had nothing to say', async () => {
  await expect(run('process.exit(3)')).rejects.toThrow('ended (code 3) before it had a result');
  await expect(run(`process.kill(process.pid, 'SIGKILL')`)).rejects.toThrow('ended (SIGKILL)');
});

it('kills the process when it is told to end, and starts no other', async () => {
  const ending = new AbortController();
  const pids: number[] = [];
  const log = (line: string) => {
    pids.push(Number(line));
    ending.abort(new Error('enough'));
  };
  const script = 'await send({ log: String(process.pid) }); setInterval(() => {}, 1_000);';
  await expect(run(script, { log, signal: ending.signal })).rejects.toThrow('enough');
  expect(() => process.kill(pids[0] as number, 0)).toThrow('ESRCH');
  await expect(run(script, { log, signal: ending.signal })).rejects.toThrow('enough');
  expect(pids).toHaveLength(1);
});
