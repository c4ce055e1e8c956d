import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startRedis } from './start-redis.ts';

test('a killed server comes back on the same port with what it had persisted', async () => {
  await using server = await startRedis({ persistence: true });
  const client = new Redis(server.url);
  client.on('error', () => {});
  await client.set('kept', 'yes');
  const firstPid = server.pid;
  await server.kill();
  await server.restart();
  expect(server.pid).not.toBe(firstPid);
  expect(await client.get('kept')).toBe('yes');
  client.disconnect();
});

test('passes further arguments on', async () => {
  await using server = await startRedis({ args: ['--maxmemory', '20mb'] });
  const client = new Redis(server.url);
  expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(20 * 1024 * 1024)]);
  client.disconnect();
});
