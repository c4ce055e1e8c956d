import { listConversations, listMessages, type RateLimiter, sendInOrder, sendMessage } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* A send takes its seq while it is counted, where there will be room by what the limiter said before. */

type Taken = Awaited<ReturnType<RateLimiter['take']>>;

let chat: ChatFixture;
let conversationId: string;
/** What the limiter says next; it allows what it is not told of. */
let answers: Promise<Taken>[];

beforeEach(async () => {
  chat = await startChatFixture();
  answers = [];
  chat.ctx.limiter = {
    take: async () => answers.shift() ?? { allowed: true, left: 29 },
    giveBack: async () => {},
  };
  conversationId = (await chat.store.conversations.createDirect(['alice', 'bob'], new Date())).conversation.id;
});
afterEach(() => chat.close());

const send = (text: string) =>
  sendMessage(chat.ctx, { senderId: 'alice', body: { conversationId, text }, traceId: 't' });
const storedRows = async () =>
  (await chat.store.messages.presentSeqs([{ conversationId, fromSeq: 0, toSeq: 9 }])).get(conversationId) ?? new Map();

test('the first send is counted before anything else, the next one is not stored before it is counted', async () => {
  const first = Promise.withResolvers<Taken>();
  answers.push(first.promise);
  const taken = chat.hold('seq-taken');
  const one = send('one');
  const early = await Promise.race([
    taken.reached.then(() => 'seq taken'),
    first.promise.then(() => 'counted'),
    soon(),
  ]);
  expect(early).toBe('nothing yet');
  first.resolve({ allowed: true, left: 29 });
  await taken.reached;
  taken.release();
  await one;

  const second = Promise.withResolvers<Taken>();
  answers.push(second.promise);
  const next = chat.hold('seq-taken');
  const two = send('two');
  await next.reached;
  next.release();
  expect(await Promise.race([two.then(() => 'stored'), soon()])).toBe('nothing yet');
  expect((await storedRows()).size).toBe(1);
  second.resolve({ allowed: true, left: 28 });
  expect((await two).seq).toBe(2);
  expect((await storedRows()).size).toBe(2);
});

test('a wrong forecast leaves nothing of the message but a seq that counts for nobody', async () => {
  await send('one');
  answers.push(Promise.resolve({ allowed: false, retryAfter: 7 }));
  await expect(send('too much')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 7 });
  expect(chat.events.map(({ event }) => event.seq)).toEqual([1]);
  const { conversations } = await listConversations(chat.ctx, 'bob', {});
  expect(conversations.map(({ lastMessage, unreadCount }) => [lastMessage?.text, unreadCount])).toEqual([['one', 1]]);
  const { messages, pagination } = await listMessages(chat.ctx, { userId: 'bob', conversationId, traceId: 't' });
  expect([messages.map(({ text }) => text), pagination.total]).toEqual([['one'], 1]);
  expect((await send('three')).seq).toBe(3);
});

test('a lane that crosses half of the limit keeps its order, and what of it is refused is told by itself', async () => {
  await send('one');
  const lefts = [17, 16, 15, 14, 13];
  answers.push(...lefts.map((left) => Promise.resolve({ allowed: true as const, left })));
  await send('two');
  // Three of these are expected to have room, since 17 were left; the last one is counted first.
  const outcomes = await sendInOrder(
    chat.ctx,
    ['a', 'b', 'c', 'd'].map((text) => ({ senderId: 'alice', body: { conversationId, text }, traceId: 't' })),
  );
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.seq : 0))).toEqual([3, 4, 5, 6]);
  const allowed = Promise.resolve({ allowed: true as const, left: 20 });
  answers.push(allowed);
  await send('three');
  answers.push(allowed, Promise.resolve({ allowed: false, retryAfter: 7 }), allowed);
  const mixed = await sendInOrder(
    chat.ctx,
    ['e', 'f', 'g'].map((text) => ({ senderId: 'alice', body: { conversationId, text }, traceId: 't' })),
  );
  expect(mixed).toMatchObject([
    { value: { seq: 8 } },
    { reason: { code: 'RATE_LIMITED', retryAfter: 7 } },
    { value: { seq: 10 } },
  ]);
  const { messages, pagination } = await listMessages(chat.ctx, { userId: 'bob', conversationId, traceId: 't' });
  expect(messages.map(({ text }) => text)).toEqual(['one', 'two', 'a', 'b', 'c', 'd', 'three', 'e', 'g']);
  expect(pagination.total).toBe(9);
});

test('a refused first message leaves its conversation as old as it is', async () => {
  await send('one');
  const { conversation } = await chat.store.conversations.createDirect(['alice', 'carol'], new Date(1_000));
  answers.push(Promise.resolve({ allowed: false, retryAfter: 7 }));
  const body = { conversationId: conversation.id, text: 'too much' };
  await expect(sendMessage(chat.ctx, { senderId: 'alice', body, traceId: 't' })).rejects.toMatchObject({
    code: 'RATE_LIMITED',
  });
  const [now] = await chat.store.conversations.findByIds([conversation.id]);
  expect([now?.lastMessage, now?.lastMessageAt, now?.seq]).toEqual([null, new Date(1_000), 1]);
});

test('a refusal is told as one also where its seq cannot be given up', async () => {
  await send('one');
  const { messages } = chat.ctx.store;
  const fillVoid = async () => {
    throw new ChatError('UNAVAILABLE', { retryAfter: 1 });
  };
  chat.ctx.store = { ...chat.ctx.store, messages: { ...messages, fillVoid } };
  answers.push(Promise.resolve({ allowed: false, retryAfter: 7 }));
  await expect(send('too much')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 7 });
  expect((await storedRows()).size).toBe(1);
  chat.ctx.store = { ...chat.ctx.store, messages };
  expect((await send('three')).seq).toBe(3);
});

test('who is over the limit takes no further seqs', async () => {
  await send('one');
  for (let i = 0; i < 3; i++) {
    answers.push(Promise.resolve({ allowed: false, retryAfter: 7 }));
    await expect(send('too much')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  }
  // One for the forecast that was wrong.
  expect((await send('later')).seq).toBe(3);
});

describe('a send that was counted before', () => {
  const again = Promise.resolve({ allowed: true as const, left: 29, countedBefore: true as const });
  const sendOnce = (more: object = {}) => {
    const body = { conversationId, text: 'once', clientMessageId: 'c1', ...more };
    return sendMessage(chat.ctx, { senderId: 'alice', body, traceId: 't' });
  };
  const seqNow = async () => (await chat.store.conversations.findByIds([conversationId]))[0]?.seq;

  test('is answered with its first try, and takes one seq of a forecast at most, however often it is tried again', async () => {
    const first = await sendOnce();
    for (let i = 0; i < 20; i++) {
      answers.push(again);
      expect((await sendOnce())._id).toBe(first._id);
    }
    expect(await seqNow()).toBe(2);
    expect(await storedRows()).toEqual(
      new Map([
        [1, { void: false }],
        [2, { void: true }],
      ]),
    );
    expect(chat.events).toHaveLength(1);
  });

  test('takes no seq in another process, nor as a reply', async () => {
    const { _id: replyTo } = await send('what is replied to');
    const first = await sendOnce({ replyTo });
    answers.push(again);
    expect((await sendOnce({ replyTo }))._id).toBe(first._id);
    // What a process knows of its sends belongs to its limiter.
    chat.ctx.limiter = { ...chat.ctx.limiter };
    answers.push(again);
    expect((await sendOnce())._id).toBe(first._id);
    expect(await seqNow()).toBe(2);
  });

  test('is stored where its first try was not', async () => {
    answers.push(again);
    expect((await sendOnce()).seq).toBe(1);
    expect((await storedRows()).size).toBe(1);
  });

  test('is unknown to who has left since', async () => {
    const { conversations } = chat.store;
    const group = { participants: ['alice', 'bob', 'carol'], name: null, ownerId: 'bob', now: new Date() };
    const { id } = await conversations.createGroup(group);
    await sendOnce({ conversationId: id });
    await conversations.removeParticipant(id, 'alice', new Date());
    chat.ctx.limiter = { ...chat.ctx.limiter };
    answers.push(again);
    await expect(sendOnce({ conversationId: id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

/** Turns enough for a command to have reached the store, had one been sent. */
async function soon(): Promise<string> {
  for (let i = 0; i < 3; i++) await chat.store.conversations.findByIds([conversationId]);
  return 'nothing yet';
}
