import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@confab/testkit';
import { root, runTool } from './tools.ts';

export interface RunningNginx {
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts Debian's nginx with one of our configurations as it is, but for names and ports of this machine.
 * @param replace text in the configuration, and what stands for it here; each must occur
 * @throws Error with what nginx says of the configuration
 */
export async function startNginx(
  name: 'edge' | 'web',
  replace: Record<string, string>,
  port: number,
): Promise<RunningNginx> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-nginx-'));
  let text = readFileSync(join(root, `infra/nginx/${name}.conf`), 'utf8');
  for (const [from, to] of Object.entries({ '/tmp/': `${folder}/`, ...replace })) {
    if (!text.includes(from)) throw new Error(`${name}.conf does not have "${from}"`);
    text = text.replaceAll(from, to);
  }
  // a child's output is a socket here, which nginx cannot open by name
  text = text.replaceAll('/dev/stdout', join(folder, 'access.log'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, text);
  const test = runTool('nginx', ['-t', '-c', file]);
  if (test.status !== 0) throw new Error(test.stderr);
  const child = spawn('nginx', ['-c', file, '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'pipe'] });
  // SIGTERM: its workers end with it, which they would not after SIGKILL
  const end = () => void child.kill('SIGTERM');
  process.once('exit', end);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(errors);
    await fetch(url);
  }, 5_000);
  return {
    url,
    async stop() {
      child.kill('SIGQUIT');
      const timer = setTimeout(() => child.kill('SIGTERM'), 2_000);
      await exited;
      clearTimeout(timer);
      process.off('exit', end);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
