import { listConversations, sync, unreadCount } from '@confab/chat';
import { limits } from '@confab/contracts';
import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* A user with more conversations than one reply holds: every reply says what is missing, and every number is right. */

const COUNT = limits.conversationLimit + 150;
const chatId = (index: number) => index.toString(16).padStart(24, '0');
const everyId = Array.from({ length: COUNT }, (_, i) => chatId(i + 1));

let chat: ChatFixture;
beforeAll(async () => {
  chat = await startChatFixture();
  const now = Date.now();
  const conversations = everyId.map((id, i) => ({
    ...{ _id: new ObjectId(id), participants: ['alice', `peer${i}`], isGroup: false, name: null, ownerId: null },
    ...{ seq: 1, changeSeq: 0, lastMessage: null, lastMessageAt: new Date(now - i), denseSeq: 1 },
    ...{ createdAt: new Date(now), updatedAt: new Date(now) },
  }));
  const messages = everyId.map((id, i) => ({
    ...{ _id: new ObjectId(), conversationId: new ObjectId(id), seq: 1, senderId: `peer${i}`, text: 'hi', media: [] },
    ...{ messageType: 'text', replyTo: null, deletedAt: null, createdAt: new Date(now), updatedAt: new Date(now) },
  }));
  await chat.store.db.collection('conversations').insertMany(conversations);
  await chat.store.db.collection('messages').insertMany(messages);
});
afterAll(() => chat.close());

const syncing = (body: Parameters<typeof sync>[1]['body']) => sync(chat.ctx, { userId: 'alice', body, traceId: 't' });

test('the unread count counts all of them', async () => {
  expect(await unreadCount(chat.ctx, 'alice')).toBe(COUNT);
});

test('the list comes in pages until there is no further cursor', async () => {
  const seen: string[] = [];
  let before: string | undefined;
  do {
    const page = await listConversations(chat.ctx, 'alice', { limit: 500, ...(before !== undefined && { before }) });
    seen.push(...page.conversations.map((c) => c._id));
    before = page.nextCursor;
  } while (before !== undefined);
  expect(seen).toEqual(everyId);
});

test('no conversation that is named and still the caller’s counts as left', async () => {
  for (const part of [everyId.slice(0, 600), everyId.slice(600)]) {
    const named = Object.fromEntries(part.map((id) => [id, '1.0.0']));
    const result = await syncing({ cursors: named, others: false });
    expect(result.left).toEqual([]);
    expect(result.more).toBe(false);
    expect(result.conversations.map((c) => c.conversationId).toSorted()).toEqual(part.toSorted());
  }
});

test('a reply that leaves conversations out says so, and the next one goes on', async () => {
  const cursors: Record<string, string> = {};
  for (let calls = 1; calls <= 3; calls++) {
    const result = await syncing({ cursors, limit: limits.syncLimit });
    expect(result.more).toBe(true);
    const before = Object.keys(cursors).length;
    for (const { conversationId, cursor } of result.conversations) cursors[conversationId] = cursor;
    expect(Object.keys(cursors).length).toBe(before + 100);
    expect(result.conversations.slice(0, 1)[0]?.conversationId).toBe(everyId[0]);
  }
});

test('a page that would name too many people ends early, and says so', async () => {
  const people = Array.from({ length: limits.groupParticipants - 1 }, (_, i) => `member${i}`);
  const now = new Date();
  for (let i = 0; i < 22; i++) {
    const participants = ['bob', ...people];
    await chat.store.conversations.createGroup({ participants, name: null, ownerId: 'bob', now });
  }
  const first = await listConversations(chat.ctx, 'bob', {});
  expect(first.conversations).toHaveLength(20);
  const second = await listConversations(chat.ctx, 'bob', { before: first.nextCursor ?? '' });
  expect(second.conversations).toHaveLength(2);
  expect(second.nextCursor).toBeUndefined();
  expect(new Set([...first.conversations, ...second.conversations].map((c) => c._id)).size).toBe(22);
});
