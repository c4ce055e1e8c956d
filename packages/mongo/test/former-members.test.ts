import {
  applyReads,
  createGroup,
  deleteMessage,
  listConversations,
  listMessages,
  markRead,
  removeMember,
  sendMessage,
  sync,
} from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
beforeEach(async () => {
  chat = await startChatFixture();
});
afterEach(() => chat.close());

test('who wrote in a group and left it is not told any more that somebody reads there', async () => {
  const traceId = 't';
  const group = await createGroup(chat.ctx, { userId: 'ann', participants: ['bob', 'eve'], name: undefined, traceId });
  const conversationId = group._id;
  await sendMessage(chat.ctx, { senderId: 'eve', body: { conversationId, text: 'hi' }, traceId });
  await sendMessage(chat.ctx, { senderId: 'ann', body: { conversationId, text: 'hello' }, traceId });
  await removeMember(chat.ctx, { userId: 'ann', conversationId, memberId: 'eve', traceId });
  chat.events.length = 0;
  await applyReads(chat.ctx, [{ v: 1, id: 'r', at: 0, traceId, type: 'read', conversationId, userId: 'bob' }]);
  const reads = chat.events.filter(({ event }) => event.event === 'messages:read');
  expect(reads.map(({ recipients }) => recipients.toSorted())).toEqual([['ann', 'bob']]);
});

test('what somebody wrote who has left is shown with their name where the newest message is hidden', async () => {
  const traceId = 't';
  await chat.store.users.put([{ id: 'eve', profile: { name: 'Eve Adams' } }]);
  const group = await createGroup(chat.ctx, { userId: 'ann', participants: ['bob', 'eve'], name: undefined, traceId });
  const conversationId = group._id;
  await sendMessage(chat.ctx, { senderId: 'eve', body: { conversationId, text: 'bye' }, traceId });
  const newest = await sendMessage(chat.ctx, { senderId: 'ann', body: { conversationId, text: 'oh' }, traceId });
  await removeMember(chat.ctx, { userId: 'eve', conversationId, memberId: 'eve', traceId });
  await deleteMessage(chat.ctx, { userId: 'bob', messageId: newest._id, forEveryone: false, traceId });
  const { conversations } = await listConversations(chat.ctx, 'bob', {});
  expect(conversations[0]?.lastMessage).toMatchObject({ text: 'bye', senderId: { _id: 'eve', name: 'Eve Adams' } });
});

test('a message that was read stays read when the last other member leaves', async () => {
  const traceId = 't';
  const group = await createGroup(chat.ctx, { userId: 'ann', participants: ['bob'], name: undefined, traceId });
  const conversationId = group._id;
  await sendMessage(chat.ctx, { senderId: 'ann', body: { conversationId, text: 'hi' }, traceId });
  await markRead(chat.ctx, { userId: 'bob', conversationId, traceId });
  await removeMember(chat.ctx, { userId: 'bob', conversationId, memberId: 'bob', traceId });
  const { conversations } = await listConversations(chat.ctx, 'ann', {});
  expect(conversations[0]?.lastMessage?.status).toBe('read');
  const { messages } = await listMessages(chat.ctx, { userId: 'ann', conversationId, traceId });
  expect(messages.map(({ status }) => status)).toEqual(['read']);
  const synced = await sync(chat.ctx, { userId: 'ann', body: {}, traceId });
  expect(synced.conversations[0]?.messages.map(({ status }) => status)).toEqual(['read']);
  const alone = await sendMessage(chat.ctx, { senderId: 'ann', body: { conversationId, text: 'anybody?' }, traceId });
  expect(alone.status).toBe('sent');
});
