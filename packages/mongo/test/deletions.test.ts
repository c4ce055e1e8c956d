import {
  addMembers,
  createGroup,
  deleteMessage,
  getMessage,
  listMessages,
  removeMember,
  sendMessage,
} from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
let conversationId: string;
let messageId: string;
beforeEach(async () => {
  chat = await startChatFixture();
  const group = { userId: 'alice', participants: ['bob', 'eve'], name: undefined, traceId: 't' };
  conversationId = (await createGroup(chat.ctx, group))._id;
  messageId = (await sendMessage(chat.ctx, { senderId: 'alice', body: { conversationId, text: 'hi' }, traceId: 't' }))
    ._id;
  chat.events.length = 0;
});
afterEach(() => chat.close());

const remove = (userId: string, forEveryone = false, id = messageId) =>
  deleteMessage(chat.ctx, { userId, messageId: id, forEveryone, traceId: 't' });
const seenBy = async (userId: string) =>
  (await listMessages(chat.ctx, { userId, conversationId, traceId: 't' })).messages;

test('who deletes a message for themselves again is told the same, and nothing happens', async () => {
  expect(await remove('bob')).toEqual({ conversationId });
  const after = await chat.store.messages.findById(messageId);
  expect(await remove('bob')).toEqual({ conversationId });
  expect(await chat.store.messages.findById(messageId)).toEqual(after);
  expect(chat.events.map(({ recipients }) => recipients)).toEqual([['bob']]);
  await expect(getMessage(chat.ctx, 'bob', messageId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a message that somebody deleted for themselves is as old as before for the others', async () => {
  const [before] = await seenBy('alice');
  chat.clock.advance(60_000);
  await remove('bob');
  expect((await seenBy('alice'))[0]?.updatedAt).toBe(before?.updatedAt);
  await remove('alice', true);
  expect((await seenBy('eve'))[0]?.updatedAt).not.toBe(before?.updatedAt);
});

test('a sender who deleted a message for themselves may still delete it for everyone, and nobody else', async () => {
  await remove('alice');
  await remove('bob');
  await expect(remove('bob', true)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await remove('alice', true);
  await remove('alice', true);
  expect(await seenBy('eve')).toMatchObject([{ _id: messageId, text: null, deletedAt: expect.any(String) }]);
  expect(await seenBy('alice')).toEqual([]);
  expect(chat.events.map(({ recipients }) => recipients.length)).toEqual([1, 1, 3]);
});

test('a message that is foreign, unknown, of before one joined or of a group that one left is not there to delete', async () => {
  await addMembers(chat.ctx, { userId: 'alice', conversationId, userIds: ['late'], traceId: 't' });
  await remove('eve');
  await removeMember(chat.ctx, { userId: 'eve', conversationId, memberId: 'eve', traceId: 't' });
  const unknown = chat.ctx.ids.objectId();
  const attempts = [['stranger'], ['late'], ['eve'], ['bob', unknown]] as const;
  for (const [userId, id] of attempts) {
    for (const forEveryone of [false, true])
      await expect(remove(userId, forEveryone, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
});
