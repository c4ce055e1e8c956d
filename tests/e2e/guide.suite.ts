import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Person } from './person.ts';
import type { System } from './system.ts';

let count = 0;

/** Users with a socket on a gateway, as it says itself. */
const usersOf = async (gateway: string): Promise<number> =>
  Number(/^confab_gateway_users\{.*\} (\d+)$/m.exec(await (await fetch(`${gateway}/metrics`)).text())?.[1]);

/** The whole guide, played from outside against a running system. The same for the split system and for standalone. */
export function describeGuide(name: string, start: () => Promise<System>): void {
  describe(`${name}: the guide's surface`, () => {
    let system: System;
    const people: Person[] = [];
    beforeAll(async () => {
      system = await start();
    }, 90_000);
    afterAll(async () => {
      for (const person of people) person.leave();
      await system?.stop();
    }, 60_000);

    const someone = (name: string, claims: Record<string, unknown> = {}) => {
      const person = new Person(system, `${name}-${++count}`, { firstName: name, lastName: 'Test', ...claims });
      people.push(person);
      return person;
    };
    const pair = async () => {
      const [alice, bob] = [someone('Alice'), someone('Bob')];
      return { alice, bob, conversationId: await alice.converse(bob) };
    };

    describe('messages', () => {
      for (const transport of ['websocket', 'polling'] as const) {
        test(`sender and recipient on different gateways, over ${transport}`, async () => {
          const { alice, bob, conversationId } = await pair();
          const [a, b] = await Promise.all([
            alice.connect({ url: system.gateways[0], transport }),
            bob.connect({ url: system.gateways[1], transport }),
          ]);
          const ack = await a.emit('send:message', {
            conversationId,
            text: 'Hello! 😀 "quoted"\n',
            messageType: 'text',
          });
          expect(ack.success).toBe(true);
          const { message } = await b.event('new:message', (e) => e.message._id === ack.data.messageId);
          expect(message).toMatchObject({
            conversationId,
            text: 'Hello! 😀 "quoted"\n',
            media: [],
            messageType: 'text',
            status: 'sent',
            replyTo: null,
            senderId: { _id: alice.id, firstName: 'Alice', lastName: 'Test', name: 'Alice Test' },
          });
          await a.event('message:sent', (e) => e.messageId === message._id);
          await a.event('new:message', (e) => e.message._id === message._id);
          await a.event('message:delivered', (e) => e.messageId === message._id);
        });
      }

      test('all devices of both get the message, each once', async () => {
        const { alice, bob, conversationId } = await pair();
        const devices = await Promise.all([
          alice.connect({ url: system.gateways[0] }),
          alice.connect({ url: system.gateways[1] }),
          bob.connect({ url: system.gateways[0] }),
          bob.connect({ url: system.gateways[1], transport: 'polling' }),
        ]);
        const sent = await alice.call('POST', '/api/chat/message', { conversationId, text: 'to all' });
        expect(sent.status).toBe(201);
        for (const device of devices) await device.event('new:message', (e) => e.message._id === sent.body.data._id);
        await alice.call('POST', '/api/chat/message', { conversationId, text: 'marker' });
        for (const device of devices) await device.event('new:message', (e) => e.message.text === 'marker');
        for (const device of devices) expect(device.all('new:message')).toHaveLength(2);
      });

      test('the same clientMessageId over REST, header and socket is one message', async () => {
        const { alice, conversationId } = await pair();
        const device = await alice.connect();
        const clientMessageId = 'retry-1';
        const first = await alice.call('POST', '/api/chat/message', { conversationId, text: 'once', clientMessageId });
        const second = await alice.call(
          'POST',
          '/api/chat/message',
          { conversationId, text: 'once' },
          { headers: { 'idempotency-key': clientMessageId } },
        );
        const third = await device.emit('send:message', { conversationId, text: 'once', clientMessageId });
        expect(second.body.data._id).toBe(first.body.data._id);
        expect(third.data.messageId).toBe(first.body.data._id);
        expect((await alice.history(conversationId)).pagination.total).toBe(1);
      });

      test('an emoji in an id of the application, a reply, and media come through', async () => {
        const alice = someone('Ünïcode/😀 ?#%');
        const bob = someone('Bob');
        const conversationId = await bob.converse(alice);
        const first = await alice.call('POST', '/api/chat/message', { conversationId, text: 'first' });
        const media = [{ url: 'https://example.com/image.jpg', type: 'image', filename: 'image.jpg', size: 1024000 }];
        const reply = await alice.call('POST', '/api/chat/message', {
          conversationId,
          media,
          messageType: 'image',
          replyTo: first.body.data._id,
        });
        expect(reply.body.data).toMatchObject({
          media,
          messageType: 'image',
          replyTo: first.body.data._id,
          text: null,
        });
      });
    });

    describe('history', () => {
      test('page 1 holds the newest, ascending; before and after page by seq', async () => {
        const { alice, bob, conversationId } = await pair();
        for (let i = 1; i <= 7; i++) await alice.call('POST', '/api/chat/message', { conversationId, text: `m${i}` });
        const texts = (page: { data: { text: string }[] }) => page.data.map((m) => m.text);
        const page1 = await bob.history(conversationId, '?page=1&limit=3');
        expect(texts(page1)).toEqual(['m5', 'm6', 'm7']);
        expect(page1.pagination).toEqual({ page: 1, limit: 3, total: 7 });
        expect(texts(await bob.history(conversationId, '?page=2&limit=3'))).toEqual(['m2', 'm3', 'm4']);
        expect(texts(await bob.history(conversationId, `?limit=2&before=${page1.data[0].seq}`))).toEqual(['m3', 'm4']);
        expect(texts(await bob.history(conversationId, `?limit=2&after=${page1.data[0].seq}`))).toEqual(['m6', 'm7']);
        expect((await bob.history(conversationId)).pagination.limit).toBe(50);
      });

      test('the conversation list shows participants, the last message and what is unread', async () => {
        const { alice, bob, conversationId } = await pair();
        await alice.call('POST', '/api/chat/message', { conversationId, text: 'Hello!' });
        const { body } = await bob.call('GET', '/api/chat/conversations');
        expect(body.success).toBe(true);
        const [conversation] = body.data;
        expect(conversation).toMatchObject({
          _id: conversationId,
          lastMessage: { text: 'Hello!', senderId: { _id: alice.id, firstName: 'Alice' }, status: 'sent' },
          unreadCount: 1,
          isGroup: false,
        });
        expect(conversation.participants.map((p: { _id: string }) => p._id).sort()).toEqual([alice.id, bob.id].sort());
        expect(conversation.lastMessageAt).toBe(conversation.lastMessage.createdAt);
        expect(conversation.participants[0]).toMatchObject({ isOnline: false, lastName: 'Test' });
      });

      test('opening a conversation twice, from both sides at once, gives the same one', async () => {
        const [alice, bob] = [someone('Alice'), someone('Bob')];
        const ids = await Promise.all([
          alice.converse(bob),
          bob.converse(alice),
          alice.converse(bob),
          bob.converse(alice),
        ]);
        expect(new Set(ids).size).toBe(1);
      });
    });

    describe('receipts', () => {
      test('sent, then delivered, then read, by socket', async () => {
        const { alice, bob, conversationId } = await pair();
        const a = await alice.connect({ url: system.gateways[0] });
        const sent = await a.emit('send:message', { conversationId, text: 'status' });
        const status = async () => (await alice.history(conversationId)).data[0].status;
        expect(await status()).toBe('sent');
        const b = await bob.connect({ url: system.gateways[1] });
        expect((await bob.call('GET', '/api/chat/unread-count')).body.data.unreadCount).toBe(1);
        await bob.history(conversationId);
        await a.event('message:delivered', (e) => e.messageId === sent.data.messageId && e.deliveredTo === bob.id);
        expect(await status()).toBe('delivered');
        const ack = await b.emit('message:read', { conversationId, messageIds: [sent.data.messageId] });
        expect(ack.success).toBe(true);
        const read = await a.event('messages:read', (e) => e.readBy === bob.id);
        expect(read.messageIds).toEqual([sent.data.messageId]);
        expect(await status()).toBe('read');
        expect((await bob.call('GET', '/api/chat/unread-count')).body.data.unreadCount).toBe(0);
      });

      test('read by REST: the own unread count has moved when it returns, and the sender is told', async () => {
        const { alice, bob, conversationId } = await pair();
        const a = await alice.connect();
        const ids: string[] = [];
        for (const text of ['one', 'two', 'three']) {
          ids.push((await alice.call('POST', '/api/chat/message', { conversationId, text })).body.data._id);
        }
        const partly = await bob.call('POST', '/api/chat/messages/read', { conversationId, messageIds: [ids[1]] });
        expect(partly.body).toMatchObject({ success: true, data: { unreadCount: 1 } });
        expect((await bob.call('GET', '/api/chat/unread-count')).body.data.unreadCount).toBe(1);
        expect((await a.event('messages:read')).messageIds).toEqual(ids.slice(0, 2));
        await bob.call('POST', '/api/chat/messages/read', { conversationId });
        expect((await bob.call('GET', '/api/chat/unread-count')).body.data.unreadCount).toBe(0);
        const again = await bob.call('POST', '/api/chat/messages/read', { conversationId, messageIds: [ids[0]] });
        expect(again.body.data.readSeq).toBe(3);
      });
    });

    describe('typing and presence', () => {
      test('typing reaches the other without any join, stops when the socket goes, and never comes back to the typist', async () => {
        const { alice, bob, conversationId } = await pair();
        const [a, b] = await Promise.all([
          alice.connect({ url: system.gateways[0] }),
          bob.connect({ url: system.gateways[1] }),
        ]);
        expect(await a.emit('typing:start', { conversationId })).toMatchObject({ success: true });
        await b.event('typing:start', (e) => e.userId === alice.id && e.conversationId === conversationId);
        expect(await a.emit('typing:stop', { conversationId })).toMatchObject({ success: true });
        await b.event('typing:stop', (e) => e.userId === alice.id);
        expect(a.all('typing:start')).toEqual([]);
      });

      test('online on the first connection, offline after the last and a grace, told to contacts', async () => {
        const { alice, bob } = await pair();
        const b = await bob.connect({ url: system.gateways[1] });
        const a1 = await alice.connect({ url: system.gateways[0] });
        await b.event('user:online', (e) => e.userId === alice.id);
        const a2 = await alice.connect({ url: system.gateways[1] });
        a1.socket.close();
        const { body } = await bob.call('GET', '/api/chat/conversations');
        expect(body.data[0].participants.find((p: { _id: string }) => p._id === alice.id).isOnline).toBe(true);
        a2.socket.close();
        const offline = await b.event('user:offline', (e) => e.userId === alice.id);
        expect(offline.lastSeen).toBeGreaterThan(Date.now() - 60_000);
        expect(b.all('user:online').filter((e) => e.userId === alice.id)).toHaveLength(1);
        expect(b.all('user:offline')).toHaveLength(1);
      });

      test('whose last socket goes and comes back elsewhere within the grace was never offline to contacts', async () => {
        const [alice, bob, carol] = [someone('Alice'), someone('Bob'), someone('Carol')];
        await Promise.all([alice.converse(bob), carol.converse(bob)]);
        const b = await bob.connect({ url: system.gateways[1] });
        const first = await alice.connect({ url: system.gateways[0] });
        const witness = await carol.connect({ url: system.gateways[0] });
        for (const { id } of [alice, carol]) await b.event('user:online', (e) => e.userId === id);
        const users = await usersOf(system.gateways[0]);
        first.socket.close();
        witness.socket.close();
        // the gateway has seen both go, else the new socket would not be the only one
        await eventually(async () => expect(await usersOf(system.gateways[0])).toBe(users - 2));
        // this absence is what is under test: long enough to be told where there is no grace, and a third of the grace
        await sleep(1_000);
        await alice.connect({ url: system.gateways[1] });
        // Carol left after Alice and stays away: once she counts as offline, Alice's grace is over too
        await b.event('user:offline', (e) => e.userId === carol.id);
        await carol.connect({ url: system.gateways[0] });
        await eventually(() => expect(b.all('user:online').filter((e) => e.userId === carol.id)).toHaveLength(2));
        expect(b.all('user:offline').map((e) => e.userId)).toEqual([carol.id]);
        expect(b.all('user:online').filter((e) => e.userId === alice.id)).toHaveLength(1);
      });

      test('join and leave are answered; a stranger may not join and learns nothing', async () => {
        const { alice, conversationId } = await pair();
        const stranger = someone('Stranger');
        const [a, s] = await Promise.all([alice.connect(), stranger.connect()]);
        expect(await a.emit('join:conversation', { conversationId })).toEqual({
          success: true,
          data: { conversationId },
        });
        expect(await a.emit('leave:conversation', { conversationId })).toEqual({
          success: true,
          data: { conversationId },
        });
        const foreign = await s.emit('join:conversation', { conversationId });
        const unknown = await s.emit('join:conversation', { conversationId: 'f'.repeat(24) });
        expect(foreign.error?.code).toBe('NOT_FOUND');
        expect(foreign).toEqual(unknown);
      });
    });

    describe('deletion', () => {
      test('for everyone by the sender: both sides are told, history keeps an empty place, the preview is emptied', async () => {
        const { alice, bob, conversationId } = await pair();
        const b = await bob.connect({ url: system.gateways[1] });
        const { body } = await alice.call('POST', '/api/chat/message', { conversationId, text: 'secret' });
        const messageId = body.data._id;
        const deleted = await alice.call('DELETE', `/api/chat/message/${messageId}`, { deleteForEveryone: true });
        expect(deleted).toMatchObject({ status: 200, body: { success: true } });
        await b.event('message:deleted', (e) => e.messageId === messageId && e.deletedForEveryone);
        const [message] = (await bob.history(conversationId)).data;
        expect(message).toMatchObject({ _id: messageId, text: null, media: [] });
        expect(message.deletedAt).not.toBeNull();
        const [conversation] = (await bob.call('GET', '/api/chat/conversations')).body.data;
        expect(conversation.lastMessage.text).toBeNull();
        expect(conversation.unreadCount).toBe(0);
      });

      test('for me: it is gone for me alone, on all my devices, and from my preview and count', async () => {
        const { alice, bob, conversationId } = await pair();
        const b = await bob.connect({ url: system.gateways[1] });
        await alice.call('POST', '/api/chat/message', { conversationId, text: 'stays' });
        const { body } = await alice.call('POST', '/api/chat/message', { conversationId, text: 'goes' });
        expect((await bob.call('DELETE', `/api/chat/message/${body.data._id}`)).body.data.deletedForEveryone).toBe(
          false,
        );
        await b.event('message:deleted', (e) => e.messageId === body.data._id && !e.deletedForEveryone);
        const bobs = await bob.history(conversationId);
        expect(bobs.data.map((m: { text: string }) => m.text)).toEqual(['stays']);
        expect(bobs.pagination.total).toBe(1);
        expect((await alice.history(conversationId)).data).toHaveLength(2);
        const [conversation] = (await bob.call('GET', '/api/chat/conversations')).body.data;
        expect(conversation).toMatchObject({ unreadCount: 1, lastMessage: { text: 'stays' } });
      });

      test('somebody else may not delete for everyone (403); a stranger finds nothing (404)', async () => {
        const { alice, bob, conversationId } = await pair();
        const stranger = someone('Stranger');
        const { body } = await alice.call('POST', '/api/chat/message', { conversationId, text: 'mine' });
        const path = `/api/chat/message/${body.data._id}`;
        expect((await bob.call('DELETE', path, { deleteForEveryone: true })).status).toBe(403);
        const foreign = await stranger.call('DELETE', path, { deleteForEveryone: true });
        const unknown = await stranger.call('DELETE', `/api/chat/message/${'a'.repeat(24)}`, {
          deleteForEveryone: true,
        });
        expect([foreign.status, foreign.body]).toEqual([unknown.status, unknown.body]);
        expect(foreign.status).toBe(404);
      });
    });

    describe('groups', () => {
      test('members get messages; one who joins later sees what comes after; one who leaves gets nothing more', async () => {
        const [owner, early, late] = [someone('Owner'), someone('Early'), someone('Late')];
        const created = await owner.call('POST', '/api/chat/conversations', {
          participants: [early.id],
          name: 'Group',
        });
        const conversationId = created.body.data._id;
        const [e, l] = await Promise.all([early.connect(), late.connect({ url: system.gateways[1] })]);
        await owner.call('POST', '/api/chat/message', { conversationId, text: 'before' });
        await e.event('new:message', (x) => x.message.text === 'before');
        await owner.call('POST', `/api/chat/conversation/${conversationId}/members`, { userIds: [late.id] });
        await l.event('conversation:updated', (x) => x.change === 'member-added');
        await owner.call('POST', '/api/chat/message', { conversationId, text: 'after' });
        await l.event('new:message', (x) => x.message.text === 'after');
        expect((await late.history(conversationId)).data.map((m: { text: string }) => m.text)).toEqual(['after']);
        await early.call('DELETE', `/api/chat/conversation/${conversationId}/members/${early.id}`);
        await owner.call('POST', '/api/chat/message', { conversationId, text: 'without early' });
        await l.event('new:message', (x) => x.message.text === 'without early');
        expect(e.all('new:message').map((x) => x.message.text)).toEqual(['before', 'after']);
        expect((await early.call('GET', `/api/chat/conversation/${conversationId}/messages`)).status).toBe(404);
      });
    });

    describe('bad input', () => {
      test('without an ack callback failures come as the error event', async () => {
        const { alice } = await pair();
        const a = await alice.connect();
        a.socket.emit('send:message', { conversationId: 'not an id', text: 'x' });
        const error = await a.event('error');
        expect(error).toMatchObject({ code: 'VALIDATION_FAILED', event: 'send:message', field: 'conversationId' });
        expect(error.message).toContain('conversationId');
      });

      test('REST refuses with the field and the reason, and never with 500', async () => {
        const { alice, conversationId } = await pair();
        const send = (body: unknown) => alice.call('POST', '/api/chat/message', body);
        const bad: [unknown, number, string | undefined][] = [
          [{ conversationId, text: 'x'.repeat(10_001) }, 400, 'text'],
          [{ conversationId }, 400, 'text'],
          [{ conversationId, text: 'x', unknown: 1 }, 400, 'unknown'],
          [{ conversationId, text: null }, 400, 'text'],
          [{ conversationId, text: 7 }, 400, 'text'],
          [{ conversationId: { $ne: null }, text: 'x' }, 400, 'conversationId'],
          [{ conversationId, text: 'nul \0' }, 400, 'text'],
          [{ conversationId, text: '\ud800' }, 400, 'text'],
          [{ conversationId, media: [{ url: 'javascript:alert(1)', type: 'image' }] }, 400, 'media/0/url'],
          [
            { conversationId, media: Array.from({ length: 11 }, () => ({ url: 'https://e.com/a', type: 'image' })) },
            400,
            'media',
          ],
          [{ conversationId, media: [{ url: 'https://e.com/a', type: 'image', size: -1 }] }, 400, 'media/0/size'],
          [{ conversationId, text: 'x', messageType: 'sticker' }, 400, 'messageType'],
          ['{"conversationId":', 400, undefined],
          ['[]', 400, undefined],
          ['null', 400, undefined],
          [`{"conversationId":"${conversationId}","text":"x","__proto__":{"a":1}}`, 400, undefined],
          [`${'['.repeat(5_000)}${']'.repeat(5_000)}`, 400, undefined],
          [{ conversationId, text: 'x'.repeat(400_000) }, 413, undefined],
        ];
        for (const [body, status, field] of bad) {
          const reply = await send(body);
          expect([reply.status, JSON.stringify(body).slice(0, 80)]).toEqual([
            status,
            JSON.stringify(body).slice(0, 80),
          ]);
          expect(reply.body).toMatchObject({
            success: false,
            error: { code: expect.any(String), message: expect.any(String) },
          });
          if (field !== undefined) expect(reply.body.error.field).toBe(field);
        }
        expect((await send({ conversationId, text: '😀'.repeat(10_000) })).status).toBe(201);
        for (const path of [
          '/api/chat/conversation/%00',
          '/api/chat/conversation/%zz',
          `/api/chat/message/${'x'.repeat(3_000)}`,
        ]) {
          expect((await alice.call('GET', path)).status).toBeLessThan(500);
        }
        expect((await alice.call('GET', `/api/chat/conversation/${conversationId}/messages?limit=1e3`)).status).toBe(
          400,
        );
      });

      test('without a token, with a forged or an expired one: 401', async () => {
        const { alice } = await pair();
        const expired = system.token(alice.id, { exp: Math.floor(Date.now() / 1_000) - 10 });
        for (const authorization of ['', 'Bearer ', 'Bearer x.y.z', `Bearer ${alice.token}x`, `Bearer ${expired}`]) {
          const reply = await alice.call('GET', '/api/chat/conversations', undefined, { headers: { authorization } });
          expect(reply.status).toBe(401);
          expect(reply.body.success).toBe(false);
        }
      });
    });
  });
}
