import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startRedis } from '@confab/testkit';
import { keptLog } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { letCommandsDieYoung } from './command-promises.ts';
import { connectCommands, type RedisConnection } from './connection.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void;

async function withConnection(use: (connection: RedisConnection) => Promise<void>): Promise<void> {
  const server = await startRedis();
  const connection = connectCommands({ url: server.url, log: keptLog().log });
  try {
    await connection.ready(5_000);
    await use(connection);
  } finally {
    await connection.close();
    await server.stop();
  }
}

const oldBytes = () =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0;

test('this version of ioredis still makes a function old for each command, in the way that is replaced', () => {
  expect(letCommandsDieYoung()).toBe(true);
});

test('what Redis answered is gone with the young generation', () =>
  withConnection(async (connection) => {
    const bytes = 4_000;
    await connection.run((client) => client.set('key', 'x'.repeat(bytes)));
    const read = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await connection.run((client) => client.get('key'));
        if (i % 250 === 249) gc({ type: 'minor' });
      }
    };
    await read(500);
    const before = oldBytes();
    const times = 2_000;
    await read(times);
    expect(oldBytes() - before).toBeLessThan((times * bytes) / 8);
  }));

test('commands answer and fail as ever', () =>
  withConnection(async (connection) => {
    const [stored, values, wrong] = await connection.run((client) =>
      Promise.all([
        client.mset(
          new Map([
            ['a', '1'],
            ['b', '2'],
          ]),
        ),
        client.mget('a', 'b', 'c'),
        client.lpush('a', 'x').catch((error: Error) => error.message),
      ]),
    );
    expect([stored, values]).toEqual(['OK', ['1', '2', null]]);
    expect(wrong).toMatch(/^WRONGTYPE/);
    const fields = await connection.run(async (client) => {
      await client.hset('hash', { one: '1', two: '2' });
      return client.hgetall('hash');
    });
    expect(fields).toEqual({ one: '1', two: '2' });
    await expect(connection.run((client) => client.getBuffer('a'))).resolves.toEqual(Buffer.from('1'));
    await expect(connection.run((client) => client.lpush('a', 'x'))).rejects.toThrow(/WRONGTYPE/);
  }));
