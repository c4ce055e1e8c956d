import {
  addMembers,
  changeMark,
  finishChanges,
  listMessages,
  markRead,
  relayOutbox,
  removeMember,
  sendMessage,
} from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
let id: string;
beforeEach(async () => {
  chat = await startChatFixture();
  const participants = ['alice', 'bob'];
  const group = { participants, name: null, ownerId: 'alice', now: new Date() };
  id = (await chat.store.conversations.createGroup(group)).id;
  await chat.store.memberships.ensure(id, participants, 0);
});
afterEach(() => chat.close());

const send = (text: string) =>
  sendMessage(chat.ctx, { senderId: 'alice', body: { conversationId: id, text }, traceId: 't' });
const participants = async () => (await chat.store.conversations.findByIds([id]))[0]?.participants ?? [];

test('a message that everybody read while somebody was being added stays read', async () => {
  await send('one');
  const { memberships } = chat.store;
  let interfered = false;
  const ctx = {
    ...chat.ctx,
    store: {
      ...chat.store,
      memberships: {
        ...memberships,
        ensure: async (...args: Parameters<typeof memberships.ensure>) => {
          await memberships.ensure(...args);
          if (interfered) return;
          interfered = true;
          await send('two');
          await markRead(chat.ctx, { userId: 'bob', conversationId: id, traceId: 't' });
        },
      },
    },
  };
  await addMembers(ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  const seenBy = async (userId: string) =>
    (await listMessages(chat.ctx, { userId, conversationId: id, traceId: 't' })).messages;
  expect((await seenBy('alice')).map((m) => m.status)).toEqual(['read', 'read']);
  expect(await seenBy('dave')).toEqual([]);
  expect((await send('three')).status).toBe('sent');
  expect((await seenBy('dave')).map((m) => m.text)).toEqual(['three']);
});

test('an addition of many whose writer died is finished for all of them, in several runs', async () => {
  const added = Array.from({ length: 250 }, (_, i) => `user${i}`);
  const mark = changeMark(new Date(chat.clock.now()), 'token');
  await chat.store.memberships.ensure(id, added, 0, mark);
  chat.clock.advance(11_000);
  await finishChanges(chat.ctx);
  await finishChanges(chat.ctx);
  expect((await participants()).toSorted()).toEqual([...added, 'alice', 'bob'].toSorted());
  const { changeSeq } = (await chat.store.conversations.findByIds([id]))[0] ?? {};
  const rows = await chat.store.memberships.ofConversations([id]);
  expect(rows.every((row) => !row.changing)).toBe(true);
  expect(Math.max(...rows.map((row) => row.changeSeq))).toBe(changeSeq);
  const told = chat.events.filter(({ event }) => event.event === 'conversation:updated');
  expect(new Set(told.flatMap(({ event }) => event.userIds ?? []))).toEqual(new Set(added));
});

test('who left while another was being removed is not told of that', async () => {
  await addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['carl'], traceId: 't' });
  chat.events.splice(0);
  const { memberships } = chat.store;
  const ctx = {
    ...chat.ctx,
    store: {
      ...chat.store,
      memberships: {
        ...memberships,
        // carl's removal has looked at the members, and is on its way, when bob goes
        leave: async (...args: Parameters<typeof memberships.leave>) => {
          await removeMember(chat.ctx, { userId: 'bob', conversationId: id, memberId: 'bob', traceId: 't' });
          return memberships.leave(...args);
        },
      },
    },
  };
  await removeMember(ctx, { userId: 'alice', conversationId: id, memberId: 'carl', traceId: 't' });
  expect(chat.events.map(({ recipients }) => recipients.toSorted())).toEqual([
    ['alice', 'bob', 'carl'],
    ['alice', 'carl'],
  ]);
});

test('a removal whose writer died is finished, and told', async () => {
  const mark = changeMark(new Date(chat.clock.now()), 'token');
  await chat.store.memberships.leave(id, 'bob', mark);
  chat.clock.advance(11_000);
  await finishChanges(chat.ctx);
  expect(await participants()).toEqual(['alice']);
  const [told] = chat.events;
  expect(told?.recipients.toSorted()).toEqual(['alice', 'bob']);
  expect(JSON.parse(told?.event.payload ?? '')).toEqual({
    conversationId: id,
    change: 'member-removed',
    userIds: ['bob'],
  });
});

test('the relay gives a message to those only who were there when it was sent', async () => {
  chat.bus.down = true;
  await send('secret');
  await addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  chat.bus.down = false;
  chat.clock.advance(2_100);
  expect(await relayOutbox(chat.ctx)).toBe(1);
  expect(chat.events.map(({ recipients }) => recipients.toSorted())).toEqual([['alice', 'bob']]);
});

test('what the relay did publish before the bus went away again is not published anew', async () => {
  chat.bus.down = true;
  await send('one');
  await send('two');
  chat.bus.down = false;
  chat.clock.advance(2_100);
  const { publish } = chat.ctx.publisher;
  const failsAfterOne: typeof publish = async (event, recipients) => {
    if (chat.events.length === 1) throw new Error('the bus went away');
    return publish(event, recipients);
  };
  const ctx = { ...chat.ctx, publisher: { publish: failsAfterOne } };
  await expect(relayOutbox(ctx)).rejects.toThrow('the bus went away');
  expect(await relayOutbox(chat.ctx)).toBe(1);
  expect(chat.events.map(({ event }) => event.seq)).toEqual([1, 2]);
});
