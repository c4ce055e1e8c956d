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
import { limits } from '@confab/contracts';
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
const add = (userIds: string[], ctx: typeof chat.ctx = chat.ctx) =>
  addMembers(ctx, { userId: 'alice', conversationId: id, userIds, traceId: 't' });

/** The domain with something that happens after rows of members were written, before the members change; called with how often they were. */
function withBetween(happen: (attempt: number) => Promise<unknown>): typeof chat.ctx {
  const { memberships } = chat.store;
  let attempt = 0;
  const ensure = async (...args: Parameters<typeof memberships.ensure>) => {
    await memberships.ensure(...args);
    await happen(++attempt);
  };
  return { ...chat.ctx, store: { ...chat.store, memberships: { ...memberships, ensure } } };
}

/** A group that has room for so many more. */
async function groupWithRoom(room: number): Promise<void> {
  const fill = Array.from({ length: limits.groupParticipants - room - 1 }, (_, i) => `user${i}`);
  const group = { participants: ['alice', ...fill], name: null, ownerId: 'alice', now: new Date() };
  id = (await chat.store.conversations.createGroup(group)).id;
}
const participants = async () => (await chat.store.conversations.findByIds([id]))[0]?.participants ?? [];

test('a message that everybody read while somebody was being added stays read', async () => {
  await send('one');
  const ctx = withBetween(async (attempt) => {
    if (attempt > 1) return;
    await send('two');
    await markRead(chat.ctx, { userId: 'bob', conversationId: id, traceId: 't' });
  });
  await add(['dave'], ctx);
  const seenBy = async (userId: string) =>
    (await listMessages(chat.ctx, { userId, conversationId: id, traceId: 't' })).messages;
  expect((await seenBy('alice')).map((m) => m.status)).toEqual(['read', 'read']);
  expect(await seenBy('dave')).toEqual([]);
  expect((await send('three')).status).toBe('sent');
  expect((await seenBy('dave')).map((m) => m.text)).toEqual(['three']);
});

const tooMany = { code: 'VALIDATION_FAILED', field: 'userIds' };

test.each([
  ['at the first attempt', 1],
  // The last one: it does not ask for the seq to be the same, as messages keep coming.
  ['at the last attempt', 20],
])('two additions at once do not exceed the limit of a group together (%s)', async (_when, at) => {
  await groupWithRoom(5);
  const ctx = withBetween((attempt) => (attempt === at ? add(['a1', 'a2', 'a3']) : send('hi')));
  await expect(add(['b1', 'b2', 'b3'], ctx)).rejects.toMatchObject(tooMany);
  const now = await participants();
  expect(now).toHaveLength(limits.groupParticipants - 2);
  expect(now.filter((userId) => /^[ab]/.test(userId))).toEqual(['alice', 'a1', 'a2', 'a3']);
  const [row] = await chat.store.memberships.positionsOf('b1');
  expect(row).toMatchObject({ active: false, changing: false });
  // There is room for two of them.
  expect((await add(['b1', 'b2'])).participants).toHaveLength(limits.groupParticipants);
});

test('an addition that lost to another finds the room that is left', async () => {
  await groupWithRoom(5);
  const ctx = withBetween(async (attempt) => (attempt === 1 ? add(['a1', 'a2']) : undefined));
  expect((await add(['a2', 'b1', 'b2', 'b3'], ctx)).participants).toHaveLength(limits.groupParticipants);
});

test('an addition whose writer died is not finished in a group that is full by then', async () => {
  await groupWithRoom(1);
  await chat.store.memberships.ensure(id, ['late', 'later'], 0, changeMark(new Date(chat.clock.now()), 'token'));
  chat.clock.advance(11_000);
  await finishChanges(chat.ctx);
  expect(await participants()).toHaveLength(limits.groupParticipants - 1);
  expect(await chat.store.memberships.find(id, 'late')).toMatchObject({ active: false, changing: false });
  expect(chat.events).toEqual([]);
  expect(await finishChanges(chat.ctx)).toBe(0);
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

const remove = (userId: string, memberId = userId) =>
  removeMember(chat.ctx, { userId, conversationId: id, memberId, traceId: 't' });

test('when the owner leaves, who has been in the group the longest changes its members', async () => {
  await add(['carl', 'dave']);
  await expect(remove('bob', 'dave')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await remove('alice');
  await expect(remove('carl', 'dave')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await remove('bob', 'dave');
  const added = { userId: 'bob', conversationId: id, userIds: ['alice'], traceId: 't' };
  expect((await addMembers(chat.ctx, added)).participants.map(({ _id }) => _id)).toEqual(['bob', 'carl', 'alice']);
  await expect(remove('alice', 'carl')).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('a group is never owned by somebody who has left with its owner', async () => {
  const { conversations } = chat.store;
  for (let round = 0; round < 5; round++) {
    const members = ['ann', 'ben', 'cy', 'di', 'ed'];
    const group = { participants: members, name: null, ownerId: 'ann', now: new Date() };
    const { id: groupId } = await conversations.createGroup(group);
    await Promise.all(['cy', 'ann', 'ben'].map((id) => conversations.removeParticipant(groupId, id, new Date())));
    const [left] = await conversations.findByIds([groupId]);
    expect([left?.ownerId, left?.participants]).toEqual(['di', ['di', 'ed']]);
    await Promise.all(['di', 'ed'].map((id) => conversations.removeParticipant(groupId, id, new Date())));
    const [empty] = await conversations.findByIds([groupId]);
    expect([empty?.ownerId, empty?.participants]).toEqual([null, []]);
  }
});

test('the leaving of an owner whose process died is finished, and the group has an owner', async () => {
  await chat.store.memberships.leave(id, 'alice', changeMark(new Date(chat.clock.now()), 'token'));
  chat.clock.advance(11_000);
  await finishChanges(chat.ctx);
  expect((await chat.store.conversations.findByIds([id]))[0]).toMatchObject({ participants: ['bob'], ownerId: 'bob' });
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
