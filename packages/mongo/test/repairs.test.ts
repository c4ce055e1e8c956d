import {
  createHoleFiller,
  deleteMessage,
  finishChanges,
  HOLE_AGE_MS,
  listMessages,
  relayOutbox,
  sendMessage,
  sync,
} from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
beforeEach(async () => {
  chat = await startChatFixture();
});
afterEach(() => chat.close());

async function conversationOf(partner: string) {
  const { conversation } = await chat.store.conversations.createDirect(['alice', partner], new Date());
  return conversation.id;
}
const conversation = () => conversationOf('bob');
const send = (conversationId: string, text: string, clientMessageId?: string) =>
  sendMessage(chat.ctx, {
    senderId: 'alice',
    body: { conversationId, text, ...(clientMessageId !== undefined && { clientMessageId }) },
    traceId: 't',
  });
const history = async (conversationId: string) => {
  const page = await listMessages(chat.ctx, { userId: 'bob', conversationId, traceId: 't' });
  return { texts: page.messages.map((m) => m.text), total: page.pagination.total };
};

test('a message stored while the bus is away is acknowledged, and published by the relay later', async () => {
  const id = await conversation();
  chat.bus.down = true;
  const message = await send(id, 'hello');
  expect(chat.events).toEqual([]);
  chat.bus.down = false;
  expect(await relayOutbox(chat.ctx)).toBe(0);
  chat.clock.advance(2_100);
  expect(await relayOutbox(chat.ctx)).toBe(1);
  expect(chat.events.map(({ event }) => event.messageId)).toEqual([message._id]);
  expect(await relayOutbox(chat.ctx)).toBe(0);
});

test('the relay leaves in the outbox what the bus did not take', async () => {
  const id = await conversation();
  chat.bus.down = true;
  await send(id, 'hello');
  chat.clock.advance(2_100);
  await expect(relayOutbox(chat.ctx)).rejects.toThrow('the bus is away');
  chat.bus.down = false;
  expect(await relayOutbox(chat.ctx)).toBe(1);
});

/** Messages that wait for the relay, and runs of it over a bus that takes all but what is refused. */
async function waiting(texts: readonly (readonly [conversationId: string, text: string])[]) {
  chat.bus.down = true;
  const ids = new Map<string, string>();
  for (const [conversationId, text] of texts) ids.set((await send(conversationId, text))._id, text);
  chat.bus.down = false;
  chat.clock.advance(2_100);
  const tried: string[] = [];
  const relay = (refusal: (text: string) => Error | undefined) => {
    tried.length = 0;
    const { publisher } = chat.ctx;
    const publish: typeof publisher.publish = async (event, recipients) => {
      const text = ids.get(event.messageId ?? '') ?? '';
      tried.push(text);
      const error = refusal(text);
      if (error) throw error;
      return publisher.publish(event, recipients);
    };
    return relayOutbox({ ...chat.ctx, publisher: { publish } });
  };
  return { relay, tried };
}

test('a message that the relay cannot publish holds up what follows in its conversation, and nothing else', async () => {
  const [one, other] = [await conversation(), await conversationOf('carol')];
  const { relay, tried } = await waiting([
    ...([
      [one, 'one 1'],
      [one, 'one 2'],
      [one, 'one 3'],
    ] as const),
    ...([
      [other, 'other 1'],
      [other, 'other 2'],
      [other, 'other 3'],
    ] as const),
  ]);
  await expect(relay((text) => (text === 'one 2' ? new Error('poison') : undefined))).rejects.toThrow('poison');
  expect(tried.toSorted()).toEqual(['one 1', 'one 2', 'other 1', 'other 2', 'other 3']);
  // What went out is not sent again.
  expect(await relay(() => undefined)).toBe(2);
  expect(tried).toEqual(['one 2', 'one 3']);
});

test('where the bus is away the relay tries a few conversations and no more; wrong messages do not end its run', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 12; i++) ids.push(await conversationOf(`user${i}`));
  const { relay, tried } = await waiting(ids.map((id, i) => [id, `message ${i}`] as const));
  await expect(relay(() => new ChatError('UNAVAILABLE'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(tried).toHaveLength(5);
  await expect(relay((text) => (text === 'message 11' ? undefined : new Error('poison')))).rejects.toThrow('poison');
  expect(tried).toHaveLength(12);
  expect(await relay(() => undefined)).toBe(11);
});

test('the same client id at once, fifty times, is one message and fifty equal answers', async () => {
  const id = await conversation();
  const answers = await Promise.all(Array.from({ length: 50 }, () => send(id, 'once', 'same')));
  expect(new Set(answers.map((m) => m._id)).size).toBe(1);
  expect(new Set(answers.map((m) => m.seq)).size).toBe(1);
  expect(await history(id)).toEqual({ texts: ['once'], total: 1 });
  // Those that overlap share one send: a seq for each would mean fifty writes to one document, and 49 voids.
  const [stored] = await chat.store.conversations.findByIds([id]);
  expect(stored?.seq).toBe(1);
  expect(stored?.lastMessage?.messageId).toBe(answers[0]?._id);
});

test('a retry after other messages puts the preview back to the newest real message', async () => {
  const id = await conversation();
  await send(id, 'first', 'c1');
  const second = await send(id, 'second', 'c2');
  await send(id, 'first', 'c1');
  const [stored] = await chat.store.conversations.findByIds([id]);
  expect(stored?.lastMessage).toMatchObject({ messageId: second._id, text: 'second', seq: second.seq });
});

test('a seq whose sender died is filled after its age, and a late writer takes another', async () => {
  const id = await conversation();
  await send(id, 'one');
  const hold = chat.hold('seq-taken');
  const slow = send(id, 'late');
  await hold.reached;
  await send(id, 'three');
  const filler = createHoleFiller(chat.ctx, new Date(0));
  expect(await filler.run()).toBe(0);
  chat.clock.advance(HOLE_AGE_MS + 1);
  expect(await filler.run()).toBe(1);
  expect((await history(id)).texts).toEqual(['one', 'three']);
  const page = await sync(chat.ctx, { userId: 'bob', body: { cursors: { [id]: '0.0.0' } }, traceId: 't' });
  expect(page.conversations[0]?.verdict).toBe('complete');
  hold.release();
  expect((await slow).seq).toBe(4);
  expect(await history(id)).toEqual({ texts: ['one', 'three', 'late'], total: 3 });
});

test('a hole at the end is filled too, and the preview shows the newest real message', async () => {
  const id = await conversation();
  await send(id, 'one');
  const hold = chat.hold('seq-taken');
  const lost = send(id, 'lost');
  await hold.reached;
  const filler = createHoleFiller(chat.ctx, new Date(0));
  await filler.run();
  chat.clock.advance(HOLE_AGE_MS + 1);
  expect(await filler.run()).toBe(1);
  expect((await chat.store.conversations.findByIds([id]))[0]?.lastMessage).toMatchObject({ text: 'one', seq: 1 });
  hold.release();
  await lost;
});

test('a hole that is older than any look back when a worker first sees it is filled all the same', async () => {
  const id = await conversation();
  await send(id, 'one');
  const hold = chat.hold('seq-taken');
  const lost = send(id, 'lost');
  await hold.reached;
  chat.clock.advance(60_000);
  const filler = createHoleFiller(chat.ctx, new Date(0));
  let filled = 0;
  for (let waited = 0; waited <= HOLE_AGE_MS; waited += 2_000) {
    filled += await filler.run();
    chat.clock.advance(2_000);
  }
  expect(filled).toBe(1);
  expect((await chat.store.conversations.findByIds([id]))[0]?.lastMessage).toMatchObject({ text: 'one', seq: 1 });
  hold.release();
  await lost;
});

test.each(['change-marked', 'change-numbered'] as const)(
  'a deletion whose writer died at %s is finished',
  async (step) => {
    const id = await conversation();
    const message = await send(id, 'one');
    const hold = chat.hold(step);
    const dead = deleteMessage(chat.ctx, { userId: 'alice', messageId: message._id, forEveryone: true, traceId: 't' });
    await hold.reached;
    expect(await finishChanges(chat.ctx)).toBe(0);
    chat.clock.advance(11_000);
    expect(await finishChanges(chat.ctx)).toBe(1);
    expect(await chat.store.messages.marked(id, 10, 10)).toEqual([]);
    const stamped = await chat.store.messages.stampedSince(id, 0, 10, 10);
    expect(stamped.map((m) => m.id)).toEqual([message._id]);
    hold.release();
    await dead;
  },
);

test('text that looks like an operator or an expression stays text', async () => {
  const id = await conversation();
  for (const text of [
    '$seq',
    '{"$ne":null}',
    '$$ROOT',
    'a.b',
    '\u202Eright to left',
    'zero\u200Bwidth',
    'line\r\nend',
  ]) {
    expect((await send(id, text)).text).toBe(text);
    expect((await chat.store.conversations.findByIds([id]))[0]?.lastMessage?.text).toBe(text);
  }
});
