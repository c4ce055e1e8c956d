import { openConversation } from '@confab/chat';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
/** What the limiter has counted; nothing of it grows old within a test. */
let counted: Set<string>;

beforeEach(async () => {
  chat = await startChatFixture();
  counted = new Set();
  chat.ctx.limiter = {
    take: async (_key, { limit }, member) => {
      if (!counted.has(member) && counted.size >= limit) return { allowed: false, retryAfter: 60 };
      counted.add(member);
      return { allowed: true, left: limit - counted.size };
    },
    giveBack: async (_key, member) => void counted.delete(member),
  };
});
afterEach(() => chat.close());

const open = (participantId: string, ctx = chat.ctx) =>
  openConversation(ctx, { userId: 'alice', participantId, traceId: 't' });

/** Two requests that both find no conversation before either creates one. */
async function openTwiceAtOnce(participantId: string) {
  const bothLooked = Promise.withResolvers<void>();
  let looks = 0;
  const { conversations } = chat.store;
  const findDirect: typeof conversations.findDirect = async (pairKey) => {
    const found = await conversations.findDirect(pairKey);
    if (++looks === 2) bothLooked.resolve();
    await bothLooked.promise;
    return found;
  };
  const ctx = { ...chat.ctx, store: { ...chat.store, conversations: { ...conversations, findDirect } } };
  return Promise.allSettled([open(participantId, ctx), open(participantId, ctx)]);
}

test('a conversation that is opened twice at once is counted once', async () => {
  for (let i = 0; i < chat.ctx.settings.conversationsPerHour; i++) {
    const answers = await openTwiceAtOnce(`user${i}`);
    // The last one has room for one of the two, and the other may have come before it was there.
    expect(answers.map(({ status }) => status)).toContain('fulfilled');
    expect(counted.size).toBe(i + 1);
  }
  await expect(open('one-more')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 60 });
  expect((await open('user0')).participants.map(({ _id }) => _id)).toContain('user0');
});

test('who finds the budget spent on the conversation that they asked for is given it', async () => {
  chat.ctx.settings = { ...chat.ctx.settings, conversationsPerHour: 1 };
  const { limiter } = chat.ctx;
  let first: string | undefined;
  const ctx = {
    ...chat.ctx,
    limiter: {
      ...limiter,
      take: async (...args: Parameters<typeof limiter.take>) => {
        first = (await open('bob'))._id;
        return limiter.take(...args);
      },
    },
  };
  expect((await open('bob', ctx))._id).toBe(first);
  expect(counted.size).toBe(1);
});
