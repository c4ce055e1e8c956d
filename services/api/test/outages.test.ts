import { relayOutbox, type Step } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { eventually, startTcpProxy, type TcpProxy, testMongo } from '@confab/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { type BuiltApi, build, tokenOf } from './build.ts';

const SEND = '/api/chat/message';

/** Operations that reach the step wait there until released. */
function gateAt(step: Step) {
  const gate = Promise.withResolvers<void>();
  let reached = 0;
  return {
    atStep: async (at: Step) => {
      if (at !== step) return;
      reached++;
      await gate.promise;
    },
    reached: (count: number) => eventually(() => expect(reached).toBe(count), 15_000),
    release: gate.resolve,
  };
}

const post = (url: string, body: object) =>
  fetch(`${url}${SEND}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf('alice')}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** As a client does it: tried again where the api refuses for a moment, because this machine is busy. */
const postUntilTaken = (url: string, body: object) =>
  eventually(async () => {
    const reply = await post(url, body);
    if (reply.status === 503) throw new Error('refused as overloaded');
    return reply;
  }, 15_000);

test('a shutdown lets requests under way have their answer, and clears the outbox of what they published', async () => {
  const gate = gateAt('message-stored');
  const { api, store, open, listen } = await build({ deps: () => ({ atStep: gate.atStep }) });
  const conversationId = await open('alice', 'bob');
  const url = await listen();
  const sends = [1, 2, 3].map((n) => postUntilTaken(url, { conversationId, text: `message ${n}` }));
  await gate.reached(3);
  const closed = api.close();
  await eventually(() => expect(fetch(`${url}/healthz`)).rejects.toThrow());
  gate.release();
  expect((await Promise.all(sends)).map((reply) => reply.status)).toEqual([201, 201, 201]);
  await closed;
  expect(await store.messages.findUnpublished(new Date(Date.now() + 60_000), 10)).toEqual([]);
});

test('more than it may work on at once is refused as overloaded, while operators are answered', async () => {
  const gate = gateAt('message-stored');
  onTestFinished(() => gate.release());
  const { api, open, listen } = await build({ env: { MAX_IN_FLIGHT: '2' }, deps: () => ({ atStep: gate.atStep }) });
  const conversationId = await open('alice', 'bob');
  const url = await listen();
  const running = ['one', 'two'].map((text) => postUntilTaken(url, { conversationId, text }));
  await gate.reached(2);
  const refused = await post(url, { conversationId, text: 'three' });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ success: false, error: { code: 'OVERLOADED' }, retryAfter: 1 });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  gate.release();
  expect((await Promise.all(running)).map((reply) => reply.status)).toEqual([201, 201]);
  await eventually(async () => expect((await post(url, { conversationId, text: 'four' })).status).toBe(201));
  await api.close();
});

test('a send while the bus takes nothing is stored and acknowledged, and delivered by the relay later', async () => {
  const publish = async () => {
    throw new ChatError('UNAVAILABLE', { retryAfter: 1 });
  };
  const { call, open, store, bus } = await build({
    deps: (made) => ({ bus: { ...made.bus.api, publisher: { publish } } }),
  });
  const gateway = bus.gateway({ gatewayId: 'gw' });
  onTestFinished(() => gateway.close());
  await gateway.lease.register('bob');
  const conversationId = await open('alice', 'bob');
  const sent = await call<{ _id: string }>('POST', SEND, { body: { conversationId, text: 'hello' } });
  expect(sent.status).toBe(201);
  expect((await call('GET', `/api/chat/message/${sent.body.data._id}`, { as: 'bob' })).status).toBe(200);

  const clock = { now: () => Date.now() + 3_000 };
  expect(await relayOutbox({ ...bus.worker(), store, clock, media: undefined, ids: { token: () => 'relay' } })).toBe(1);
  for await (const { entries } of gateway.openInbox()) {
    if (entries.length === 0) continue;
    expect(entries.map(({ meta }) => [meta.event, meta.messageId])).toEqual([['new:message', sent.body.data._id]]);
    break;
  }
});

async function behindProxy(): Promise<BuiltApi & { proxy: TcpProxy; conversationId: string }> {
  const { url } = await testMongo();
  const { hostname, port } = new URL(url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => proxy.close());
  const built = await build({ through: (direct) => proxy.through(direct) });
  return { ...built, proxy, conversationId: await built.open('alice', 'bob') };
}

test.each(['silent', 'gone'] as const)(
  'while the store is %s, calls are refused as UNAVAILABLE within 5 s and readiness is off; then all works again',
  async (how) => {
    const { call, api, proxy, conversationId } = await behindProxy();
    if (how === 'silent') proxy.blackholeAll();
    else await proxy.close();
    const began = Date.now();
    const answers = await Promise.all([
      call('POST', SEND, { body: { conversationId, text: 'hello' } }),
      call('GET', '/api/chat/conversations'),
      call('POST', '/api/chat/sync', { body: {} }),
    ]);
    expect(Date.now() - began).toBeLessThan(5_000);
    for (const { status, body } of answers) {
      expect([status, body.error?.code, body.retryAfter]).toEqual([503, 'UNAVAILABLE', 1]);
    }
    expect((await api.app.inject({ url: '/readyz' })).statusCode).toBe(503);
    expect((await api.app.inject({ url: '/healthz' })).statusCode).toBe(200);
    if (how === 'gone') return;
    proxy.heal();
    await eventually(async () => expect((await call('GET', '/api/chat/conversations')).status).toBe(200), 15_000);
  },
);
