import { startRedis } from '@confab/testkit';
import { keptLog } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { connectCommands } from './connection.ts';

test('the commands of one turn go by one write, in their order', async () => {
  const server = await startRedis();
  const connection = connectCommands({ url: server.url, log: keptLog().log });
  try {
    await connection.ready(5_000);
    const { stream } = connection.client;
    let writes = 0;
    // How often the kernel is asked: a corked socket hands over what it gathered as one vector.
    const socket = stream as unknown as Record<'_write' | '_writev', (...args: unknown[]) => void>;
    for (const name of ['_write', '_writev'] as const) {
      const write = socket[name];
      socket[name] = function (this: unknown, ...args) {
        writes += 1;
        return write.apply(this, args);
      };
    }
    const append = (text: string) => connection.run((client) => client.append('key', text));
    const appendLater = async (text: string) => {
      await Promise.resolve();
      return append(text);
    };
    const sent = [append('a'), append('b'), appendLater('d'), append('c')];
    expect(await Promise.all(sent)).toEqual([1, 2, 4, 3]);
    expect(writes).toBe(1);
    await append('e');
    expect(writes).toBe(2);
    expect(await connection.run((client) => client.get('key'))).toBe('abcde');
  } finally {
    await connection.close();
    await server.stop();
  }
});

test('a connection that breaks in the middle of a turn fails what is held, and the next one works', async () => {
  const server = await startRedis();
  const connection = connectCommands({ url: server.url, log: keptLog().log });
  try {
    await connection.ready(5_000);
    const lost = connection.run((client) => client.set('key', 'lost'));
    connection.client.stream.destroy();
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await connection.ready(5_000);
    await expect(connection.run((client) => client.set('key', 'kept'))).resolves.toBe('OK');
  } finally {
    await connection.close();
    await server.stop();
  }
});
