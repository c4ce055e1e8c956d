import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Person } from './person.ts';
import { type System, startSplit } from './system.ts';

let system: System;
const people: Person[] = [];
beforeAll(async () => {
  system = await startSplit({ MESSAGES_PER_MINUTE: '30', CONVERSATIONS_PER_HOUR: '10' });
});
afterAll(async () => {
  for (const person of people) person.leave();
  await system?.stop();
});

const someone = (name: string) => {
  const person = new Person(system, name);
  people.push(person);
  return person;
};

test("the guide's limit of 30 messages a minute holds over REST, sockets, both apis and both gateways together", async () => {
  const [alice, bob] = [someone('limit-alice'), someone('limit-bob')];
  const conversationId = await alice.converse(bob);
  const sockets = await Promise.all([
    alice.connect({ url: system.gateways[0] }),
    alice.connect({ url: system.gateways[1] }),
  ]);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const body = { conversationId, text: `m${i}` };
      const socket = sockets[i % 4];
      if (socket) return (await socket.emit('send:message', body)).error?.code ?? 'ok';
      const reply = await alice.call('POST', '/api/chat/message', body, { base: system.apis[i % 2] });
      if (reply.status === 429) {
        expect(reply.body.retryAfter).toBeGreaterThan(0);
        expect(reply.body.retryAfter).toBe(reply.body.error.retryAfter);
        expect(reply.headers.get('retry-after')).toBe(String(reply.body.retryAfter));
      }
      return reply.status === 201 ? 'ok' : reply.body.error.code;
    }),
  );
  expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(30);
  expect(outcomes.filter((outcome) => outcome === 'RATE_LIMITED')).toHaveLength(10);
});

test('10 new conversations an hour; opening an existing one is free', async () => {
  const alice = someone('opener');
  for (let i = 0; i < 10; i++) await alice.converse(`opened-${i}`);
  const refused = await alice.call('GET', '/api/chat/conversation/opened-10');
  expect(refused.status).toBe(429);
  expect(refused.body.retryAfter).toBeGreaterThan(3_000);
  expect((await alice.call('GET', '/api/chat/conversation/opened-3')).status).toBe(200);
});

test('the application provisions its users before they ever connect', async () => {
  const service = new Person(system, 'service', { scope: 'chat:admin' });
  expect((await service.call('PUT', '/api/chat/users/zoe', { firstName: 'Zoe', lastName: 'Z' })).status).toBe(200);
  const bulk = {
    users: [
      { _id: 'yan', name: 'Yan' },
      { _id: 'xia', name: 'Xia', profileImage: 'https://example.com/x.png' },
    ],
  };
  expect((await service.call('PUT', '/api/chat/users', bulk)).body.data.users).toBe(2);
  const alice = someone('provision-alice');
  const { body } = await alice.call('GET', '/api/chat/conversation/zoe');
  expect(body.data.participants.find((p: { _id: string }) => p._id === 'zoe')).toMatchObject({
    name: 'Zoe Z',
    firstName: 'Zoe',
  });
  expect((await alice.call('PUT', '/api/chat/users/zoe', { name: 'Mallory' })).status).toBe(403);
});

test('a revoked user is out: sockets within 5 s, REST at once', async () => {
  const alice = someone('revoked');
  const device = await alice.connect();
  const service = new Person(system, 'service', { scope: 'chat:admin' });
  await service.call('POST', '/api/chat/admin/revocations', { userId: alice.id });
  await device.ended();
  expect(device.all('session:end')[0]).toMatchObject({ code: 'TOKEN_REVOKED' });
  await eventually(async () => {
    for (const base of system.apis)
      expect((await alice.call('GET', '/api/chat/conversations', undefined, { base })).status).toBe(401);
  }, 5_000);
});

test('a token that expires while connected ends the socket', async () => {
  const alice = new Person(system, 'expiring', { exp: Math.floor(Date.now() / 1_000) + 2 });
  people.push(alice);
  const device = await alice.connect();
  await device.ended();
  expect(device.all('session:end')[0]).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: 'new-token' });
});

test('CORS: the listed origin may, another may not, on REST and both socket transports', async () => {
  const alice = someone('cors');
  const listed = await alice.call('GET', '/api/chat/conversations', undefined, {
    headers: { origin: 'http://localhost:3000' },
  });
  expect(listed.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
  const foreign = await alice.call('GET', '/api/chat/conversations', undefined, {
    headers: { origin: 'http://evil.example' },
  });
  expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  const polling = await fetch(`${system.gateways[0]}/socket.io/?EIO=4&transport=polling`, {
    headers: { origin: 'http://evil.example' },
  });
  expect(polling.status).toBe(403);
});

test('a burst over one socket is stored, acknowledged and received in the order in which it was sent', async () => {
  const [alice, bob] = [someone('burst-alice'), someone('burst-bob')];
  const conversationId = await alice.converse(bob);
  const [sending, receiving] = await Promise.all([
    alice.connect({ url: system.gateways[0] }),
    bob.connect({ url: system.gateways[1] }),
  ]);
  const texts = Array.from({ length: 25 }, (_, i) => `burst ${i}`);
  const acks = await Promise.all(texts.map((text) => sending.emit('send:message', { conversationId, text })));
  expect(acks.map(({ data }) => [data?.seq, data?.message.text])).toEqual(texts.map((text, i) => [i + 1, text]));
  expect(sending.all('message:sent').map(({ seq }) => seq)).toEqual(texts.map((_, i) => i + 1));
  await receiving.event('new:message', ({ message }) => message.text === texts.at(-1));
  expect(receiving.all('new:message').map(({ message }) => message.text)).toEqual(texts);
  expect((await bob.history(conversationId)).data.map((message: { text: string }) => message.text)).toEqual(texts);
});
