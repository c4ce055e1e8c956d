import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, testMongo } from '@confab/testkit';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('npm run split starts everything, says so, writes split.json, and leaves nothing running', async () => {
  const [port, mongo] = [await freePort(), await testMongo()];
  const child = spawn('npm', ['run', '--silent', 'split', '--', '--api', '1', '--gateway', '2', '--receipts', '1'], {
    cwd: root,
    env: {
      ...process.env,
      PORT: String(port),
      MONGODB_URL: mongo.url,
      MONGODB_DATABASE: mongo.dbName(),
      JWT_SECRET: 'x'.repeat(40),
    },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      out += chunk;
    });
  }
  await eventually(() => {
    if (!out.includes('ready at')) throw new Error(out);
  }, 25_000);
  const state = JSON.parse(readFileSync(`${root}/.data/run/split.json`, 'utf8'));
  expect(state).toMatchObject({
    edge: `http://127.0.0.1:${port}`,
    mongodbUrl: expect.stringMatching(/^mongodb:/),
    redisUrl: expect.stringMatching(/^redis:/),
    api: [{ url: expect.stringMatching(/^http:/), pid: expect.any(Number) }],
    gateway: [{ id: 'gateway-0' }, { id: 'gateway-1' }],
    receipts: [{ pid: expect.any(Number) }],
  });
  for (const path of ['/healthz', '/readyz']) expect((await fetch(`${state.edge}${path}`)).status).toBe(200);
  const pids: number[] = [...state.api, ...state.gateway, ...state.receipts].map(({ pid }: { pid: number }) => pid);
  expect(pids.every(isRunning)).toBe(true);

  child.kill('SIGTERM');
  await once(child, 'exit');
  await eventually(() => expect(pids.filter(isRunning)).toEqual([]), 25_000);
  await expect(fetch(state.edge)).rejects.toThrow();
  const redis = new URL(state.redisUrl);
  await expect(fetch(`http://${redis.host}`)).rejects.toThrow();
}, 90_000);
