import { addMembers, applyDelivered, deleteMessage, markRead, sendMessage, sync } from '@confab/chat';
import { STREAM_VERSION } from '@confab/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* A cursor at the end of a conversation is answered without reading it; whatever moves there brings it back, once. */

let chat: ChatFixture;
let groups = 0;
beforeAll(async () => {
  chat = await startChatFixture();
});
afterAll(() => chat.close());

async function group(...names: string[]) {
  const suffix = `-${++groups}`;
  const participants = names.map((name) => name + suffix);
  const [owner = '', other = ''] = participants;
  const { id } = await chat.store.conversations.createGroup({
    participants,
    name: null,
    ownerId: owner,
    now: new Date(),
  });
  const send = (senderId: string) =>
    sendMessage(chat.ctx, { senderId, body: { conversationId: id, text: 'hi' }, traceId: 't' });
  let cursor: string | undefined;
  /** Syncs from where the last call ended. */
  const next = async () => {
    const result = await sync(chat.ctx, {
      userId: owner,
      body: { cursors: cursor === undefined ? {} : { [id]: cursor } },
      traceId: 't',
    });
    const [answer] = result.conversations;
    cursor = answer?.cursor;
    return { ...result, answer };
  };
  return { id, owner, other, send, next };
}

test('every kind of movement comes once, and then there is nothing', async () => {
  const { id, owner, other, send, next } = await group('ann', 'bob', 'cy');
  const first = await send(other);
  const movements: [string, () => Promise<unknown>, (answer: object) => void][] = [
    ['the first call', async () => {}, (a) => expect(a).toMatchObject({ messages: [{ _id: first._id }] })],
    ['a message', () => send(other), (a) => expect(a).toMatchObject({ messages: [{ seq: 2 }] })],
    [
      'a receipt',
      () =>
        applyDelivered(chat.ctx, [
          {
            ...{ v: STREAM_VERSION, id: 'r', at: 0, traceId: 't', type: 'delivered', conversationId: id },
            ...{ userIds: [owner], items: [{ messageId: first._id, seq: 1, senderId: other }] },
          },
        ]),
      (a) => expect(a).toMatchObject({ watermarks: [{ userId: owner, deliveredSeq: 1, readSeq: 0 }] }),
    ],
    [
      'a reading',
      () => markRead(chat.ctx, { userId: owner, conversationId: id, traceId: 't' }),
      (a) => expect(a).toMatchObject({ watermarks: [{ userId: owner, deliveredSeq: 2, readSeq: 2 }] }),
    ],
    [
      'a deletion',
      () => deleteMessage(chat.ctx, { userId: other, messageId: first._id, forEveryone: true, traceId: 't' }),
      (a) => expect(a).toMatchObject({ changes: [{ _id: first._id, text: null }] }),
    ],
    [
      'a new member',
      () => addMembers(chat.ctx, { userId: owner, conversationId: id, userIds: ['dora'], traceId: 't' }),
      (a) => expect(JSON.stringify(a)).toContain('"_id":"dora"'),
    ],
  ];
  for (const [name, move, expectFound] of movements) {
    await move();
    const moved = await next();
    expect(moved.conversations, name).toHaveLength(1);
    expectFound(moved.answer ?? {});
    const { answer, left, more } = await next();
    expect(answer, `after ${name}`).toMatchObject({
      conversationId: id,
      verdict: 'complete',
      messages: [],
      changes: [],
    });
    expect(answer, `after ${name}`).toMatchObject({ hidden: [], watermarks: [] });
    expect(answer?.conversation, `after ${name}`).toBeUndefined();
    expect({ left, more }).toEqual({ left: [], more: false });
  }
});

test('a change of members whose writer died half-way is told until it is finished', async () => {
  const { id, owner, send, next } = await group('ann', 'bob');
  await send(owner);
  await next();
  await chat.store.memberships.ensure(id, ['late'], 1, 'token-of-a-dead-writer');
  expect((await next()).answer?.conversation).toBeDefined();
  expect((await next()).answer?.conversation).toBeDefined();
  const changeSeq = await chat.store.conversations.takeChangeSeq(id);
  await chat.store.memberships.stamp(id, ['late'], 'token-of-a-dead-writer', changeSeq);
  expect((await next()).answer?.conversation).toBeDefined();
  expect((await next()).answer?.conversation).toBeUndefined();
});

test('a conversation that was left is named as such, however its cursor stands', async () => {
  const { id, owner, send, next } = await group('ann', 'bob');
  await send(owner);
  await next();
  await chat.store.conversations.removeParticipant(id, owner, new Date());
  expect(await next()).toMatchObject({ conversations: [], left: [id], more: false });
});
