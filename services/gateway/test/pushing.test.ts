import type { DeliveredReceipt, PresenceReceipt, ReceiptEvent } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import type { Socket } from 'socket.io-client';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CONVERSATION, memoryBuses, next, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

let test: TestGateway;
afterEach(() => test.close());

/** The bytes of each Socket.IO packet, before the client parses them. */
function rawPackets(socket: Socket): string[] {
  const packets: string[] = [];
  socket.io.engine.on('packet', ({ data }: { data?: string }) => data && packets.push(data));
  return packets;
}

const NASTY =
  '{"message":{"text":"\u{1F600} \\u00e9 \\"q\\" \\\\ \\n</script> e\u0301 \\ud83d\\ude00 \u2028","n":1e2, "spaced" : [ ]}}';

it.each(['websocket', 'polling'])('passes a payload on byte for byte over %s', async (transport) => {
  test = await startGateway();
  const socket = await test.connect(tokenOf('u1'), { transports: [transport] });
  const packets = rawPackets(socket);
  const event = next<{ message: { text: string } }>(socket, 'new:message');
  await test.publish({ payload: NASTY }, ['u1']);
  expect((await event).message.text).toBe(JSON.parse(NASTY).message.text);
  expect(packets).toContain(`2["new:message",${NASTY}]`);
});

it('pushes to every device of every recipient, and to nobody else', async () => {
  test = await startGateway();
  const [a1, a2, b, c] = (await Promise.all(['a', 'a', 'b', 'c'].map((user) => test.connect(tokenOf(user))))) as [
    Socket,
    Socket,
    Socket,
    Socket,
  ];
  const got: string[] = [];
  c.onAny((event) => got.push(event));
  const all = Promise.all([a1, a2, b].map((socket) => next(socket, 'new:message')));
  await test.publish({ payload: '{"message":{"text":"hi"}}' }, ['a', 'b', 'elsewhere']);
  expect(await all).toEqual(Array(3).fill({ message: { text: 'hi' } }));
  await test.publish({ event: 'conversation:updated', payload: '{"last":true}' }, ['c']);
  await eventually(() => expect(got).toEqual(['conversation:updated']));
});

it('keeps the order of the bus', async () => {
  test = await startGateway();
  const socket = await test.connect(tokenOf('u1'));
  const seen: number[] = [];
  socket.on('new:message', ({ n }: { n: number }) => seen.push(n));
  for (let n = 0; n < 200; n += 1) await test.publish({ payload: `{"n":${n}}` }, ['u1']);
  await eventually(() => expect(seen).toHaveLength(200));
  expect(seen).toEqual([...Array(200).keys()]);
});

it('keeps the order of what comes at once, on every device, and news of members among it', async () => {
  test = await startGateway();
  const devices = await Promise.all([
    test.connect(tokenOf('u1')),
    test.connect(tokenOf('u1'), { transports: ['polling'] }),
    test.connect(tokenOf('u2')),
  ]);
  const seen = devices.map((socket) => {
    const numbers: number[] = [];
    socket.onAny((_event, { n }: { n: number }) => numbers.push(n));
    return numbers;
  });
  const updated = { event: 'conversation:updated' as const, conversationId: CONVERSATION, userIds: ['u3'] };
  const publish = (n: number) => {
    const members = n % 50 === 7;
    const payload = `{"n":${n},"change":"member-added","text":"${'é'.repeat(n % 300)}"}`;
    return test.publish({ payload, ...(members && updated) }, n % 3 === 0 ? ['u1'] : ['u1', 'u2']);
  };
  await Promise.all(Array.from({ length: 400 }, (_, n) => publish(n)));
  const all = [...Array(400).keys()];
  await eventually(() => expect(seen.map((numbers) => numbers.length)).toEqual([400, 400, 266]));
  expect(seen).toEqual([all, all, all.filter((n) => n % 3 !== 0)]);
});

it('pushes texts to a client over WebSocket that wants no bytes', async () => {
  test = await startGateway();
  const client = new WebSocket(`${test.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&b64=1`);
  const messages: { text: string; isBinary: boolean }[] = [];
  client.on('message', (data, isBinary) => messages.push({ text: data.toString(), isBinary }));
  client.once('open', () => client.send(`40${JSON.stringify({ token: tokenOf('u1') })}`));
  try {
    await eventually(() => expect(messages.some(({ text }) => text.startsWith('40'))).toBe(true));
    await test.publish({ payload: '{"n":1}' }, ['u1']);
    await eventually(() => expect(messages).toContainEqual({ text: '42["new:message",{"n":1}]', isBinary: false }));
  } finally {
    client.terminate();
  }
});

it('survives entries that are no events, and pushes the next one', async () => {
  test = await startGateway();
  const socket = await test.connect(tokenOf('u1'));
  const event = next(socket, 'new:message');
  await test.publish({ payload: 'no json' }, ['u1']);
  await test.publish({ event: 'disconnect' as 'new:message', payload: '{}' }, ['u1']);
  await test.publish({ payload: '{"ok":true}' }, ['u1']);
  expect(await event).toEqual({ ok: true });
  expect(socket.connected).toBe(true);
});

async function receipts(buses: ReturnType<typeof memoryBuses>): Promise<() => ReceiptEvent[]> {
  const seen: ReceiptEvent[] = [];
  const { consumer } = buses.bus.worker();
  void (async () => {
    for await (const batch of consumer.batches()) {
      for (const { event } of batch) if (event) seen.push(event);
      await consumer.acknowledge(batch);
    }
  })();
  return () => seen;
}

it('appends delivered receipts for whoever is connected, the sender excepted', async () => {
  const buses = memoryBuses();
  const seen = await receipts(buses);
  test = await startGateway({ buses });
  await test.connect(tokenOf('sender'));
  await test.connect(tokenOf('reader'));
  const meta = { conversationId: CONVERSATION, senderId: 'sender', payload: '{"message":{}}' };
  await test.publish({ ...meta, messageId: '1'.repeat(24), seq: 1 }, ['sender', 'reader', 'away']);
  await test.publish({ ...meta, messageId: '2'.repeat(24), seq: 2 }, ['sender', 'reader', 'away']);
  const delivered = () => seen().filter((event): event is DeliveredReceipt => event.type === 'delivered');
  await eventually(() => expect(delivered().flatMap((receipt) => receipt.items)).toHaveLength(2));
  expect(delivered().every((receipt) => receipt.userIds.join() === 'reader')).toBe(true);
  expect(delivered().flatMap((receipt) => receipt.items.map((item) => item.seq))).toEqual([1, 2]);
});

it('tells the worker who came and who went, once per user', async () => {
  const buses = memoryBuses();
  const seen = await receipts(buses);
  test = await startGateway({ buses });
  const first = await test.connect(tokenOf('ann', { name: 'Ann Lee', firstName: 7 }));
  const second = await test.connect(tokenOf('ann'));
  const presence = () => seen().filter((event): event is PresenceReceipt => event.type === 'presence');
  await eventually(() => expect(presence()).toHaveLength(1));
  expect(presence()[0]).toMatchObject({ userId: 'ann', state: 'connected', profile: { name: 'Ann Lee' } });
  first.close();
  second.close();
  await eventually(() => expect(presence().map((event) => event.state)).toEqual(['connected', 'disconnected']));
});

it('is found by publishers before the client has seen connect', async () => {
  const buses = memoryBuses();
  test = await startGateway({ buses });
  const socket = test.client(tokenOf('early'));
  socket.once('connect', () => void test.publish({ payload: '{"first":1}' }, ['early']));
  expect(await next(socket, 'new:message')).toEqual({ first: 1 });
});

it('takes a user out of the directory with their last socket', async () => {
  const buses = memoryBuses();
  test = await startGateway({ buses });
  const sockets = await Promise.all([1, 2].map(() => test.connect(tokenOf('u1'))));
  sockets[0]?.close();
  await eventually(() => expect(test.gateway.stats.sockets).toBe(1));
  expect((await buses.bus.presence.onlineAmong(['u1'])).has('u1')).toBe(true);
  sockets[1]?.close();
  await eventually(async () => expect((await buses.bus.presence.onlineAmong(['u1'])).has('u1')).toBe(false));
  expect(test.gateway.stats.users).toBe(0);
});

it('tells its sockets to sync after a gap in the inbox', async () => {
  const buses = memoryBuses();
  test = await startGateway({ buses });
  const socket = await test.connect(tokenOf('u1'));
  const required = next<{ reason: string }>(socket, 'sync:required');
  // More at once than the inbox keeps, while the gateway has no turn to read.
  await Promise.all(Array.from({ length: 10_500 }, () => test.publish({ payload: '{}' }, ['u1'])));
  expect((await required).reason).toContain('lost');
});

it('registers everybody anew, and says sync:required, when its lease is gone', async () => {
  const buses = memoryBuses();
  test = await startGateway({ buses });
  const socket = await test.connect(tokenOf('u1'));
  const former = test.gateway.stats.instance;
  const required = next(socket, 'sync:required');
  buses.bus.presence.expire(former);
  expect((await buses.bus.presence.onlineAmong(['u1'])).has('u1')).toBe(false);
  await required;
  expect(test.gateway.stats.instance).not.toBe(former);
  const event = next(socket, 'new:message');
  await test.publish({ payload: '{"after":1}' }, ['u1']);
  expect(await event).toEqual({ after: 1 });
});
