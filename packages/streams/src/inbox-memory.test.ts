import { connectCommands } from '@confab/redis';
import { eventually, testRedis } from '@confab/testkit';
import { collectInbox, keptLog, outboundEvent } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { createRedisApiBus, createRedisGatewayBus } from './redis-bus.ts';

const EVENTS = 600;

test('an inbox keeps what is not read, and hardly more', async () => {
  const server = await testRedis();
  const settings = { url: server.url, keyPrefix: server.keyPrefix(), log: keptLog().log };
  const connection = connectCommands(settings);
  await connection.ready(5_000);
  const api = await createRedisApiBus(settings);
  const gateway = await createRedisGatewayBus({ ...settings, gatewayId: 'g' });
  try {
    await gateway.lease.register('alice');
    const key = connection.keys.inbox(gateway.lease.instance);
    const length = () => connection.run((client) => client.xlen(key));
    const publish = async (from: number) => {
      // One after the other: those of a turn would share an entry.
      for (let n = from; n < from + EVENTS; n++) await api.publisher.publish(outboundEvent(n), ['alice']);
    };

    await publish(1);
    expect(await length()).toBeGreaterThan(EVENTS);

    const inbox = collectInbox(gateway.openInbox());
    await publish(EVENTS + 1);
    const seqs = Array.from({ length: 2 * EVENTS }, (_, i) => i + 1);
    await eventually(() => expect(inbox.entries().map(({ meta }) => meta.seq)).toEqual(seqs));
    expect(inbox.batches.some(({ gap }) => gap)).toBe(false);
    // Up to 63 that were read since the last removal, and nodes of the stream go as a whole.
    await eventually(async () => expect(await length()).toBeLessThan(100));
  } finally {
    await gateway.close();
    await api.close();
    await connection.close();
    await server.stop();
  }
});
