import { createHoleFiller, deleteMessage, finishChanges, HOLE_AGE_MS, sendMessage, voidSeq } from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* The preview of a conversation shows its newest message, whoever crashed or was late in between. */

let chat: ChatFixture;
let id: string;
beforeEach(async () => {
  chat = await startChatFixture();
  id = (await chat.store.conversations.createDirect(['alice', 'bob'], new Date())).conversation.id;
});
afterEach(() => chat.close());

const send = (text: string, clientMessageId?: string) =>
  sendMessage(chat.ctx, {
    senderId: 'alice',
    body: { conversationId: id, text, ...(clientMessageId !== undefined && { clientMessageId }) },
    traceId: 't',
  });
const preview = async () => (await chat.store.conversations.findByIds([id]))[0]?.lastMessage;

test('a message that was stored while a retry behind it put the preview back is shown in the end', async () => {
  await send('one', 'c1');
  const hold = chat.hold('seq-taken');
  const slow = send('two');
  await hold.reached;
  await send('one', 'c1');
  hold.release();
  await slow;
  await createHoleFiller(chat.ctx, new Date(0)).run();
  expect(await preview()).toMatchObject({ text: 'two', seq: 2 });
});

test('a retry that died between its void and the preview leaves no phantom in the preview', async () => {
  const one = await send('one', 'c1');
  const { conversations } = chat.store;
  const dying = async () => {
    throw new Error('the process ended here');
  };
  const ctx = { ...chat.ctx, store: { ...chat.store, conversations: { ...conversations, replacePreview: dying } } };
  const retry = { senderId: 'alice', body: { conversationId: id, text: 'one', clientMessageId: 'c1' }, traceId: 't' };
  await expect(sendMessage(ctx, retry)).rejects.toThrow('the process ended here');
  expect((await preview())?.messageId).not.toBe(one._id);
  await createHoleFiller(chat.ctx, new Date(0)).run();
  expect((await preview())?.messageId).toBe(one._id);
});

test('a hole is filled although a retry put the conversation’s last message back to a time long ago', async () => {
  await send('one', 'c1');
  chat.clock.advance(60_000);
  const filler = createHoleFiller(chat.ctx, new Date(0));
  await filler.run();
  const hold = chat.hold('seq-taken');
  const lost = send('lost');
  await hold.reached;
  await send('one', 'c1');
  await filler.run();
  chat.clock.advance(HOLE_AGE_MS + 1);
  expect(await filler.run()).toBe(1);
  hold.release();
  await lost;
});

test('a text deleted while the preview was put back to it is not shown', async () => {
  const one = await send('one', 'c1');
  const { conversations } = chat.store;
  const ctx = {
    ...chat.ctx,
    store: {
      ...chat.store,
      conversations: {
        ...conversations,
        replacePreview: async (...args: Parameters<typeof conversations.replacePreview>) => {
          await deleteMessage(chat.ctx, { userId: 'alice', messageId: one._id, forEveryone: true, traceId: 't' });
          await conversations.replacePreview(...args);
        },
      },
    },
  };
  const phantom = {
    messageId: 'f'.repeat(24),
    senderId: 'alice',
    text: 'lost',
    createdAt: new Date(),
    deletedAt: null,
  };
  const taken = await conversations.takeSeq(id, 'alice', { ...phantom, messageType: 'text' });
  await voidSeq(ctx, id, taken?.seq ?? 0, phantom.messageId);
  expect(await preview()).toMatchObject({ messageId: one._id, text: null });
});

test.each(['change-marked', 'change-numbered'] as const)(
  'a deletion whose writer died at %s is finished: the preview forgets the text, and everybody is told',
  async (step) => {
    const one = await send('one');
    chat.events.length = 0;
    const hold = chat.hold(step);
    const dead = deleteMessage(chat.ctx, { userId: 'alice', messageId: one._id, forEveryone: true, traceId: 't' });
    await hold.reached;
    chat.clock.advance(11_000);
    await finishChanges(chat.ctx);
    expect(await preview()).toMatchObject({ text: null });
    expect((await preview())?.deletedAt).toBeInstanceOf(Date);
    const [told] = chat.events;
    expect(told?.event.event).toBe('message:deleted');
    expect(told?.recipients.toSorted()).toEqual(['alice', 'bob']);
    expect(JSON.parse(told?.event.payload ?? '')).toMatchObject({ messageId: one._id, deletedForEveryone: true });
    hold.release();
    await dead;
  },
);
