import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually, startRedis, type TestRedisServer } from '@confab/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const STREAM = 'confab:receipts:{r2}';
const DEAD = `${STREAM}:dead`;
const main = fileURLToPath(new URL('../src/dead-letters/main.ts', import.meta.url));

let server: TestRedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

/** A dead letter as the worker leaves it. @returns its place */
async function deadLetter(reason: string, ...fields: string[]): Promise<string> {
  const about = ['entry', '1-1', 'reason', reason, 'partition', '2', 'at', '1700000000000'];
  return `2:${await redis.xadd(DEAD, '*', ...about, ...fields)}`;
}

function deadLetters(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? '', REDIS_URL: server.url };
    const child = spawn(process.execPath, ['--conditions=confab-source', main, ...args], { env });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

test('lists place, time, reason and content, one line each, whatever is in them', async () => {
  const place = await deadLetter('it is not JSON', 'e', 'two\nlines \u001b[31m');
  const { code, out } = await deadLetters('list');
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    `${place}  2023-11-14T22:13:20.000Z  "it is not JSON"  {"e":"two\\nlines \\u001b[31m"}`,
    '1 dead letters',
    '',
  ]);
});

test('lists as JSON, at most as many as asked for', async () => {
  await deadLetter('first', 'e', '1');
  await deadLetter('second', 'e', '2');
  const { out } = await deadLetters('list', '--json', '--limit', '1');
  expect(JSON.parse(out)).toMatchObject({ partition: 2, reason: 'first', fields: { e: '1' } });
  expect((await deadLetters('list', '--limit', '1')).out).toContain('1 of 2 dead letters');
});

test('puts a letter back into the log, and only that one', async () => {
  const place = await deadLetter('passing', 'e', '{"v":1}');
  await deadLetter('stays', 'e', '{}');
  const { code, out } = await deadLetters('replay', place);
  expect({ code, out }).toEqual({ code: 0, out: '1 replayed\n' });
  expect((await redis.xrange(STREAM, '-', '+'))[0]?.[1]).toEqual(['e', '{"v":1}']);
  expect(await redis.xlen(DEAD)).toBe(1);
});

test('drops one, or all of them; a place that is empty is an error', async () => {
  const place = await deadLetter('junk', 'e', '');
  await deadLetter('junk', 'e', '');
  await deadLetter('junk', 'e', '');
  expect((await deadLetters('drop', place)).out).toBe('1 dropped\n');
  expect(await deadLetters('drop', place)).toMatchObject({ code: 1, out: `${place} is no dead letter\n0 dropped\n` });
  expect((await deadLetters('drop', '--all')).out).toBe('2 dropped\n');
  await eventually(async () => expect(await redis.xlen(DEAD)).toBe(0));
});

test('without a place nothing is touched, and the usage is shown', async () => {
  await deadLetter('junk', 'e', '');
  for (const args of [['drop'], ['replay'], [], ['purge', '--all'], ['drop', 'everything'], ['list', '--limit', '0']]) {
    const { code, out } = await deadLetters(...args);
    expect(code, args.join(' ')).toBe(2);
    expect(out).toContain('npm run dead-letters');
  }
  expect(await redis.xlen(DEAD)).toBe(1);
});
