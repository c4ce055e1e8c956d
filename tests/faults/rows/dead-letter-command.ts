import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Rig } from '../rig.ts';

const main = fileURLToPath(new URL('../../../services/receipts/src/dead-letters/main.ts', import.meta.url));

/** `npm run dead-letters -- ...` against the Redis of the rig. */
export function deadLetterCommand(rig: Rig, args: string[]): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? '', REDIS_URL: rig.redis.url };
    const child = spawn(process.execPath, ['--conditions=confab-source', main, ...args], { env });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
    });
    child.once('close', (code) => resolve({ code, out }));
  });
}
