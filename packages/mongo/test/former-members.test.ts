import { applyReads, createGroup, removeMember, sendMessage } from '@confab/chat';
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
