import {
  addMembers,
  type ChatContext,
  deleteMessage,
  getMessage,
  listConversations,
  listMessages,
  removeMember,
  unreadCount,
} from '@confab/chat';
import { ObjectId } from 'mongodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, patientStore, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
beforeEach(async () => {
  chat = await startChatFixture();
});
afterEach(() => chat.close());

/** A group with messages 1 to 12, of which 2 and 9 are voids; carol sees what comes after 5. */
async function groupWithLateMember(): Promise<string> {
  const now = new Date();
  const { conversations, memberships, db } = chat.store;
  const { id } = await conversations.createGroup({
    participants: ['alice', 'bob', 'carol'],
    name: null,
    ownerId: 'alice',
    now,
  });
  const conversationId = new ObjectId(id);
  const at = { createdAt: now, updatedAt: now };
  const rows = Array.from({ length: 12 }, (_, i) => ({
    ...{ conversationId, seq: i + 1, senderId: 'alice', text: `${i + 1}`, media: [], messageType: 'text' },
    ...{ replyTo: null, deletedAt: null, ...at, ...([2, 9].includes(i + 1) && { void: true }) },
  }));
  await db.collection('messages').insertMany(rows);
  await db.collection('conversations').updateOne({ _id: conversationId }, { $set: { seq: 12 } });
  await memberships.ensure(id, ['alice', 'bob'], 0);
  await memberships.ensure(id, ['carol'], 5, 'token');
  return id;
}

const page = async (conversationId: string, userId: string, rest: object = {}, ctx: ChatContext = chat.ctx) => {
  const found = await listMessages(ctx, { userId, conversationId, traceId: 't', ...rest });
  return { seqs: found.messages.map((m) => m.seq), total: found.pagination.total };
};

test('history begins after the joining, on each page and in either direction, and counts what is in it', async () => {
  const id = await groupWithLateMember();
  expect(await page(id, 'alice')).toEqual({ seqs: [1, 3, 4, 5, 6, 7, 8, 10, 11, 12], total: 10 });
  expect(await page(id, 'carol')).toEqual({ seqs: [6, 7, 8, 10, 11, 12], total: 6 });
  expect(await page(id, 'carol', { limit: 4 })).toEqual({ seqs: [8, 10, 11, 12], total: 6 });
  expect(await page(id, 'carol', { limit: 4, page: 2 })).toEqual({ seqs: [6, 7], total: 6 });
  expect(await page(id, 'carol', { limit: 4, page: 3 })).toEqual({ seqs: [], total: 6 });
  expect(await page(id, 'carol', { limit: 3, before: 8 })).toEqual({ seqs: [6, 7], total: 6 });
  expect(await page(id, 'carol', { limit: 3, after: 0 })).toEqual({ seqs: [6, 7, 8], total: 6 });
  expect(await page(id, 'carol', { limit: 3, after: 0, page: 2 })).toEqual({ seqs: [10, 11, 12], total: 6 });
  expect(await page(id, 'carol', { limit: 3, after: 7 })).toEqual({ seqs: [8, 10, 11], total: 6 });
});

test('what a user deleted for themselves is neither in their history nor in its total', async () => {
  const id = await groupWithLateMember();
  const { messages } = await listMessages(chat.ctx, { userId: 'carol', conversationId: id, traceId: 't' });
  const target = messages.find((m) => m.seq === 7)?._id ?? '';
  await deleteMessage(chat.ctx, { userId: 'carol', messageId: target, forEveryone: false, traceId: 't' });
  expect(await page(id, 'carol')).toEqual({ seqs: [6, 8, 10, 11, 12], total: 5 });
  expect(await page(id, 'alice')).toMatchObject({ total: 10 });
});

test('history of a conversation that one is not in is that of an unknown one', async () => {
  const id = await groupWithLateMember();
  await expect(page(id, 'mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(page('0'.repeat(24), 'mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a page that does not fit into one document is what it would be in two', async () => {
  const store = await patientStore(chat.store);
  const ctx = { ...chat.ctx, store };
  const { id } = await chat.store.conversations.createGroup({
    ...{ participants: ['alice', 'bob'], name: null, ownerId: 'alice', now: new Date() },
  });
  const at = { createdAt: new Date(), updatedAt: new Date() };
  // 17 MB on one page
  const text = 'x'.repeat(85_000);
  const rows = Array.from({ length: 200 }, (_, i) => ({
    ...{ conversationId: new ObjectId(id), seq: i + 1, senderId: 'alice', text, media: [], messageType: 'text' },
    ...{ replyTo: null, deletedAt: null, ...at },
  }));
  const messages = store.db.collection('messages');
  for (let from = 0; from < rows.length; from += 50) await messages.insertMany(rows.slice(from, from + 50));
  await chat.store.db.collection('conversations').updateOne({ _id: new ObjectId(id) }, { $set: { seq: 200 } });
  const seqs = rows.map(({ seq }) => seq);
  try {
    expect(await page(id, 'bob', { limit: 200 }, ctx)).toEqual({ seqs, total: 200 });
    await expect(page(id, 'mallory', { limit: 200 }, ctx)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  } finally {
    await store.close();
  }
}, 60_000);

/** The same store, in which `change` happens between the reads of the members and of the conversation, which may come in any order. */
function changingBetween(change: () => Promise<unknown>): ChatContext {
  const { conversations, memberships } = chat.ctx.store;
  const changed = Promise.withResolvers<void>();
  let changing: Promise<void> | undefined;
  const thenChange = async <T>(reading: Promise<T>): Promise<T> => {
    const rows = await reading;
    changing ??= change().then(() => changed.resolve(), changed.reject);
    await changing;
    return rows;
  };
  const ofConversations = (ids: string[]) => thenChange(memberships.ofConversations(ids));
  const find = (conversationId: string, userId: string) => thenChange(memberships.find(conversationId, userId));
  const findFor = async (userId: string, id: string) => {
    await changed.promise;
    return conversations.findFor(userId, id);
  };
  const openHistory: typeof conversations.openHistory = async (query) => {
    const members = await ofConversations([query.conversationId]);
    const opened = await conversations.openHistory(query);
    return opened && { ...opened, members };
  };
  const positionsOf = (userId: string) => thenChange(memberships.positionsOf(userId));
  const listFor: typeof conversations.listFor = async (userId, query) => {
    await changed.promise;
    return conversations.listFor(userId, query);
  };
  const countersFor = async (userId: string) => {
    await changed.promise;
    return conversations.countersFor(userId);
  };
  const store = {
    ...chat.ctx.store,
    conversations: { ...conversations, findFor, openHistory, listFor, countersFor },
    memberships: { ...memberships, ofConversations, find, positionsOf },
  };
  return { ...chat.ctx, store };
}

test.each([
  { who: 'a new member', before: async () => {} },
  { who: 'a former member', before: (id: string) => chat.store.memberships.leave(id, 'dave', 'left') },
])('$who whose row is read before they join sees nothing older than their joining', async ({ before }) => {
  const id = await groupWithLateMember();
  await before(id);
  const join = () => addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  expect(await page(id, 'dave', {}, changingBetween(join))).toEqual({ seqs: [], total: 0 });
});

test('a member whose joining is tried again meanwhile sees nothing older than the last attempt', async () => {
  const id = await groupWithLateMember();
  await chat.store.memberships.ensure(id, ['dave'], 8, 'first attempt');
  const join = () => addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  expect(await page(id, 'dave', {}, changingBetween(join))).toEqual({ seqs: [], total: 0 });
});

test('a message older than the joining is unknown to whoever joins while it is looked up', async () => {
  const id = await groupWithLateMember();
  const { messages } = await listMessages(chat.ctx, { userId: 'alice', conversationId: id, traceId: 't' });
  const join = () => addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  const looking = getMessage(changingBetween(join), 'dave', messages[0]?._id ?? '');
  await expect(looking).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('the list and the unread count of whoever joins meanwhile leave out what is older than their joining', async () => {
  const id = await groupWithLateMember();
  const join = () => addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['dave'], traceId: 't' });
  const { conversations } = await listConversations(changingBetween(join), 'dave', {});
  expect(conversations).toMatchObject([{ _id: id, unreadCount: 0, lastMessage: null }]);
  const rejoin = async () => {
    await removeMember(chat.ctx, { userId: 'alice', conversationId: id, memberId: 'bob', traceId: 't' });
    await addMembers(chat.ctx, { userId: 'alice', conversationId: id, userIds: ['bob'], traceId: 't' });
  };
  await chat.store.memberships.leave(id, 'bob', 'left');
  expect(await unreadCount(changingBetween(rejoin), 'bob')).toBe(0);
});

test('who missed nothing costs one read and a count, and is told so even where they joined late', async () => {
  const id = await groupWithLateMember();
  const { messages } = chat.store;
  const asked: string[] = [];
  const noted: ChatContext = {
    ...chat.ctx,
    store: {
      ...chat.store,
      messages: {
        ...messages,
        history: (query) => {
          asked.push('history');
          return messages.history(query);
        },
        countVoids: (conversationId, aboveSeq) => {
          asked.push('voids');
          return messages.countVoids(conversationId, aboveSeq);
        },
      },
    },
  };
  const { id: empty } = await chat.store.conversations.createGroup({
    ...{ participants: ['alice', 'bob'], name: null, ownerId: 'alice', now: new Date() },
  });
  const after = async (conversationId: string, userId: string, seq: number) => {
    asked.length = 0;
    const found = await listMessages(noted, { userId, conversationId, after: seq, traceId: 't' });
    return { seqs: found.messages.map((message) => message.seq), total: found.pagination.total, asked: [...asked] };
  };
  expect(await after(empty, 'alice', 0)).toEqual({ seqs: [], total: 0, asked: [] });
  expect(await after(id, 'alice', 12)).toEqual({ seqs: [], total: 10, asked: ['voids'] });
  expect(await after(id, 'alice', 11)).toEqual({ seqs: [12], total: 10, asked: ['voids'] });
  expect(await after(id, 'carol', 12)).toMatchObject({ seqs: [], total: 6 });
  expect(await after(id, 'carol', 2)).toMatchObject({ seqs: [6, 7, 8, 10, 11, 12], total: 6 });
});
