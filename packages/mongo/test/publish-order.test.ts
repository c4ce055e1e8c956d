import { sendMessage } from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* Inserts of one conversation may be under way at the same time, and end in another order than their seqs have. */

let chat: ChatFixture;
beforeEach(async () => {
  chat = await startChatFixture();
});
afterEach(() => chat.close());

/** Two messages of one conversation, the first of which is held at a step while the second is stored. */
async function sendTwo(step: 'seq-taken' | 'message-stored') {
  const { conversation } = await chat.store.conversations.createDirect(['alice', 'bob'], new Date());
  const send = (senderId: string) =>
    sendMessage(chat.ctx, { senderId, body: { conversationId: conversation.id, text: 'hello' }, traceId: 't' });
  const [holdFirst, holdSecond] = [chat.hold(step), chat.hold('message-stored')];
  const first = send('alice');
  await holdFirst.reached;
  const second = send('bob');
  await holdSecond.reached;
  return { first, second, holdFirst, holdSecond, publishedSeqs: () => chat.events.map(({ event }) => event.seq) };
}

test.each(['seq-taken', 'message-stored'] as const)(
  'a message whose predecessor is late at %s is published after it',
  async (step) => {
    const { first, second, holdFirst, holdSecond, publishedSeqs } = await sendTwo(step);
    holdSecond.release();
    await new Promise((resolve) => setImmediate(resolve));
    holdFirst.release();
    await Promise.all([first, second]);
    expect(publishedSeqs()).toEqual([1, 2]);
  },
);

test('a predecessor that hangs does not keep a message from being published', async () => {
  const { first, second, holdFirst, holdSecond, publishedSeqs } = await sendTwo('seq-taken');
  holdSecond.release();
  expect((await second).seq).toBe(2);
  expect(publishedSeqs()).toEqual([2]);
  holdFirst.release();
  expect((await first).seq).toBe(1);
  expect(publishedSeqs()).toEqual([2, 1]);
});
