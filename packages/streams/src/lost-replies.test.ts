import { createConnection, createServer, type Socket } from 'node:net';
import { connectCommands } from '@confab/redis';
import { eventually, startRedis, type TestRedisServer } from '@confab/testkit';
import { collectInbox, deliveredReceipt, keptLog, outboundEvent } from '@confab/testkit/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedisApiBus, createRedisGatewayBus } from './redis-bus.ts';

let server: TestRedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Stands between a client and Redis: passes commands on, and on demand keeps the replies to itself. */
async function openReplyEater(port: number) {
  let mode: 'pass' | 'eat' | 'cut' = 'pass';
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = createConnection(port, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => socket.destroy()));
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (mode === 'pass') client.write(data);
      if (mode === 'cut') client.destroy();
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    set mode(next: typeof mode) {
      mode = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

test.each(['eat', 'cut'] as const)(
  'a reply that is lost (%s) settles the publish within 2 s and doubles nothing',
  async (mode) => {
    const proxy = await openReplyEater(server.port);
    const log = keptLog().log;
    const keyPrefix = `lost-${mode}`;
    const api = await createRedisApiBus({ url: proxy.url, keyPrefix, log });
    const gateway = await createRedisGatewayBus({ url: server.url, keyPrefix, gatewayId: 'g', log });
    await gateway.lease.register('bob');
    const inbox = collectInbox(gateway.openInbox());
    await api.publisher.publish(outboundEvent(1), ['bob']);

    proxy.mode = mode;
    const startedAt = performance.now();
    await expect(api.publisher.publish(outboundEvent(2), ['bob'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(api.receipts.append([deliveredReceipt()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    proxy.mode = 'pass';
    await eventually(() => api.publisher.publish(outboundEvent(3), ['bob']), 5_000);

    await eventually(() => expect(inbox.entries().at(-1)?.meta.seq).toBe(3));
    const seqs = inbox.entries().map((entry) => entry.meta.seq);
    expect(seqs.filter((seq) => seq === 2).length).toBeLessThanOrEqual(1);
    expect(seqs.filter((seq) => seq === 3)).toHaveLength(1);
    for (const bus of [api, gateway, proxy]) await bus.close();
  },
);

test.each(['eat', 'cut'] as const)('after a lost reply (%s) answers belong to their own commands', async (mode) => {
  const proxy = await openReplyEater(server.port);
  const connection = connectCommands({ url: proxy.url, log: keptLog().log, commandTimeoutMs: 300 });
  await connection.ready(5_000);
  await connection.run((client) => client.mset('one', '1', 'two', '2'));
  proxy.mode = mode;
  await expect(connection.run((client) => client.incr('counter'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  proxy.mode = 'pass';
  await eventually(async () => {
    const [one, two] = await connection.run((client) => Promise.all([client.get('one'), client.get('two')]));
    expect([one, two]).toEqual(['1', '2']);
  }, 5_000);
  await connection.run((client) => client.del('counter'));
  await connection.close();
  await proxy.close();
});

test('an XADD whose reply is lost is not sent again', async () => {
  const proxy = await openReplyEater(server.port);
  const connection = connectCommands({ url: proxy.url, log: keptLog().log, commandTimeoutMs: 300 });
  await connection.ready(5_000);
  proxy.mode = 'cut';
  await expect(connection.run((client) => client.xadd('stream', '*', 'a', 'b'))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  proxy.mode = 'pass';
  await eventually(() => connection.run((client) => client.ping()), 5_000);
  expect(await connection.run((client) => client.xlen('stream'))).toBe(1);
  await connection.close();
  await proxy.close();
});
