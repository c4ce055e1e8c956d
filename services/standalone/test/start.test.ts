import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, tempDir } from '@confab/testkit';
import { afterEach, expect, test } from 'vitest';

const entry = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts standalone as `npm start` does, once everything is installed. */
function launch(env: Record<string, string>) {
  const child = spawn(process.execPath, ['--conditions=confab-source', entry], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  cleanups.push(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const ready = () =>
    eventually(() => {
      const url = /ready at (http:\S+)/.exec(out)?.[1];
      if (!url || !out.includes('curl')) throw new Error(`not ready: ${out}${err}`);
      return {
        url,
        out,
        token: /Alice Example +(\S+)/.exec(out)?.[1] ?? '',
        conversationId: /"conversationId":"(\w+)"/.exec(out)?.[1] ?? '',
      };
    }, 20_000);
  return { child, ended, ready, out: () => out, err: () => err };
}

async function folder(): Promise<string> {
  const made = await tempDir('standalone-start');
  cleanups.push(() => made.remove());
  return made.path;
}

test('tells the URL, three users with tokens and a curl line that works; a second start keeps messages, secret and tokens', async () => {
  const DATA_DIR = path.join(await folder(), 'data');
  const first = launch({ DATA_DIR });
  const { url, token, conversationId, out } = await first.ready();
  expect(out.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g)?.length).toBeGreaterThanOrEqual(3);
  const curl = /curl -X POST (\S+) .*-d '(.+)'/.exec(out) ?? [];
  const authorization = `Bearer ${token}`;
  const sent = await fetch(curl[1] ?? '', {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: curl[2] ?? '',
  });
  expect(sent.status).toBe(201);
  expect(await (await fetch(`${url}/demo/users`)).json()).toMatchObject({
    users: [{ _id: 'alice' }, { _id: 'bob' }, { _id: 'carol' }],
  });
  expect(statSync(path.join(DATA_DIR, 'jwt-secret')).mode & 0o777).toBe(0o600);
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);

  const second = await launch({ DATA_DIR }).ready();
  expect(second.conversationId).toBe(conversationId);
  const history = await fetch(`${second.url}/api/chat/conversation/${conversationId}/messages`, {
    headers: { authorization },
  });
  const { data } = (await history.json()) as { data: { text: string }[] };
  expect(data.map((m) => m.text)).toEqual(['Hello, Bob!']);
});

test('after kill -9 every acknowledged message is there', async () => {
  const DATA_DIR = await folder();
  const first = launch({ DATA_DIR });
  const { url, token, conversationId } = await first.ready();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const acknowledged: string[] = [];
  for (let i = 0; i < 20; i++) {
    const body = JSON.stringify({ conversationId, text: `m${i}` });
    const reply = await fetch(`${url}/api/chat/message`, { method: 'POST', headers, body });
    if (reply.status === 201) acknowledged.push(`m${i}`);
  }
  first.child.kill('SIGKILL');
  await first.ended;
  const again = await launch({ DATA_DIR }).ready();
  const history = await fetch(`${again.url}/api/chat/conversation/${conversationId}/messages`, { headers });
  const { data } = (await history.json()) as { data: { text: string }[] };
  expect(data.map((m) => m.text)).toEqual(acknowledged);
  expect(acknowledged).toHaveLength(20);
});

/** It ends with 1 and says one line that a person understands. */
async function refusal(env: Record<string, string>): Promise<string> {
  const started = launch(env);
  expect(await started.ended).toBe(1);
  const lines = started.err().trim().split('\n');
  expect(lines, started.err()).toHaveLength(1);
  return lines[0] ?? '';
}

test('a taken port', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const PORT = String((server.address() as AddressInfo).port);
  expect(await refusal({ PORT, DATA_DIR: await folder() })).toMatch(new RegExp(`port ${PORT}.*(taken|in use)`, 'i'));
});

test('a data folder that cannot be written to', async () => {
  const file = path.join(await folder(), 'file');
  writeFileSync(file, '');
  const line = await refusal({ DATA_DIR: path.join(file, 'data') });
  expect(line).toContain(file);
  expect(line).toContain('DATA_DIR');
});

test('a data folder that another one uses', async () => {
  const DATA_DIR = await folder();
  await launch({ DATA_DIR }).ready();
  expect(await refusal({ DATA_DIR })).toMatch(/in use|locked|another/i);
});

test('a secret that is too short: the variable and the fix', async () => {
  const line = await refusal({ DATA_DIR: await folder(), JWT_SECRET: 'short' });
  expect(line).toContain('JWT_SECRET');
  expect(line).toContain('32 characters');
});

test('a secret file of somebody else is not made readable to others', async () => {
  const DATA_DIR = await folder();
  mkdirSync(DATA_DIR, { recursive: true });
  const file = path.join(DATA_DIR, 'jwt-secret');
  writeFileSync(file, 'a-secret-of-an-earlier-installation-0123456789');
  chmodSync(file, 0o600);
  await launch({ DATA_DIR }).ready();
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
