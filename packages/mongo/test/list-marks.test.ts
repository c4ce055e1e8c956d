import { type ChatContext, finishAdding, finishRemoving, listConversations, type StoredMembership } from '@confab/chat';
import { ObjectId } from 'mongodb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* The list reads how far the others have read beside the conversations, not after them: the ticks are right however that goes. */

let chat: ChatFixture;
beforeEach(async () => {
  chat = await startChatFixture();
});
afterEach(() => chat.close());

/** A conversation with one message of Alice's, and the row of everybody. */
async function converse(others: Record<string, Partial<StoredMembership>>): Promise<string> {
  const [_id, now] = [new ObjectId(), new Date()];
  const participants = ['alice', ...Object.keys(others)];
  const lastMessage = { messageId: new ObjectId(), senderId: 'alice', text: 'hi', messageType: 'text', seq: 1 };
  await chat.store.db.collection('conversations').insertOne({
    ...{ _id, participants, isGroup: participants.length > 2, name: null, ownerId: null, seq: 1, changeSeq: 0 },
    ...{ denseSeq: 1, lastMessage: { ...lastMessage, createdAt: now, deletedAt: null } },
    ...{ lastMessageAt: now, createdAt: now, updatedAt: now },
  });
  const row = { conversationId: _id, joinedSeq: 0, changeSeq: 0, active: true, deliveredSeq: 0, readSeq: 0 };
  const members = { alice: { deliveredSeq: 1, readSeq: 1 }, ...others };
  await chat.store.db
    .collection('memberships')
    .insertMany(Object.entries(members).map(([userId, marks]) => ({ ...row, userId, ...marks })));
  return _id.toHexString();
}

const READ = { deliveredSeq: 1, readSeq: 1 };
const DELIVERED = { deliveredSeq: 1 };

/** The status of each last message, by conversation, with part of the store replaced. */
async function statuses(
  options: {
    limit?: number;
    memberships?: Partial<ChatContext['store']['memberships']>;
    conversations?: Partial<ChatContext['store']['conversations']>;
  } = {},
) {
  const { limit } = options;
  const store = {
    ...chat.store,
    memberships: { ...chat.store.memberships, ...options.memberships },
    conversations: { ...chat.store.conversations, ...options.conversations },
  };
  const { conversations } = await listConversations({ ...chat.ctx, store }, 'alice', limit ? { limit } : {});
  return Object.fromEntries(conversations.map(({ _id, lastMessage }) => [_id, lastMessage?.status]));
}

test('each last message has the status that its readers’ rows say, by one read of them', async () => {
  const read = await converse({ bob: READ });
  const delivered = await converse({ carol: DELIVERED });
  const sent = await converse({ dave: READ, erin: {} });
  const marksOfOthers = vi.fn(chat.store.memberships.marksOfOthers);
  expect(await statuses({ memberships: { marksOfOthers } })).toEqual({
    [read]: 'read',
    [delivered]: 'delivered',
    [sent]: 'sent',
  });
  expect(marksOfOthers).toHaveBeenCalledTimes(1);
});

test('a page that shows a part asks for the rows of that part alone', async () => {
  await converse({ bob: READ });
  const newest = await converse({ carol: DELIVERED });
  const marksOfOthers = vi.fn(chat.store.memberships.marksOfOthers);
  expect(await statuses({ limit: 1, memberships: { marksOfOthers } })).toEqual({ [newest]: 'delivered' });
  expect(marksOfOthers.mock.calls).toEqual([['alice', [newest]]]);
});

test('a conversation that came after the user’s own rows were read has its status too', async () => {
  const old = await converse({ bob: READ });
  const young = await converse({ carol: READ });
  const positionsOf = async (userId: string) =>
    (await chat.store.memberships.positionsOf(userId)).filter(({ conversationId }) => conversationId !== young);
  expect(await statuses({ memberships: { positionsOf } })).toEqual({ [old]: 'read', [young]: 'read' });
});

test('more members than are read beside the list are read after it', async () => {
  const crowd = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`member${i}`, READ]));
  const all = await converse(crowd);
  const butOne = await converse({ ...crowd, member1999: {} });
  expect(await statuses()).toEqual({ [all]: 'read', [butOne]: 'sent' });
});

/** The rows are read as they are now, and before the conversations are read somebody joins. */
function joinedBetween(conversationId: string, userId: string) {
  const { memberships } = chat.store;
  const marksOfOthers = vi.fn(async (...args: Parameters<typeof memberships.marksOfOthers>) => {
    const rows = await memberships.marksOfOthers(...args);
    if (marksOfOthers.mock.calls.length === 1) {
      await finishAdding(chat.ctx, conversationId, [userId], 'mark');
      joined.resolve();
    }
    return rows;
  });
  const joined = Promise.withResolvers<void>();
  const listFor: ChatContext['store']['conversations']['listFor'] = async (...args) => {
    await joined.promise;
    return chat.store.conversations.listFor(...args);
  };
  return { memberships: { marksOfOthers }, conversations: { listFor }, marksOfOthers };
}

test('a status does not go back while somebody joins the group', async () => {
  const group = await converse({ bob: READ, carol: READ });
  await converse({ dave: READ });
  const { marksOfOthers, ...between } = joinedBetween(group, 'erin');
  expect((await statuses(between))[group]).toBe('read');
  expect(marksOfOthers.mock.calls[1]).toEqual(['alice', [group]]);
});

test('nor while somebody joins it again', async () => {
  const group = await converse({ bob: READ, carol: READ, erin: {} });
  await chat.store.memberships.leave(group, 'erin', 'left');
  await finishRemoving(chat.ctx, group, 'erin', 'left');
  const { marksOfOthers, ...between } = joinedBetween(group, 'erin');
  expect((await statuses(between))[group]).toBe('read');
  expect(marksOfOthers).toHaveBeenCalledTimes(2);
});

test('nor where the rows were read between those of who joins and the members', async () => {
  const group = await converse({ bob: READ, carol: READ });
  // an attempt that a message came between; that of the next one is raised
  await chat.store.memberships.ensure(group, ['erin'], 0, 'mark');
  const { marksOfOthers, ...between } = joinedBetween(group, 'erin');
  expect((await statuses(between))[group]).toBe('read');
  expect(marksOfOthers).toHaveBeenCalledTimes(2);
});

test('a group from which somebody has gone is read once', async () => {
  const group = await converse({ bob: READ, carol: READ, erin: {} });
  await chat.store.memberships.leave(group, 'erin', 'left');
  await finishRemoving(chat.ctx, group, 'erin', 'left');
  const marksOfOthers = vi.fn(chat.store.memberships.marksOfOthers);
  expect(await statuses({ memberships: { marksOfOthers } })).toEqual({ [group]: 'read' });
  expect(marksOfOthers).toHaveBeenCalledTimes(1);
});

test('a store that fails fails the list, once', async () => {
  await converse({ bob: READ });
  const away = () => Promise.reject(new Error('away'));
  await expect(statuses({ memberships: { marksOfOthers: away } })).rejects.toThrow('away');
  await expect(statuses({ memberships: { positionsOf: away } })).rejects.toThrow('away');
});
