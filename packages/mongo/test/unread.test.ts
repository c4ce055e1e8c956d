import { deleteMessage, listConversations, markRead, sendMessage, storeWithMemory, unreadCount } from '@confab/chat';
import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

/* Unread = messages of others, not deleted, not void, not deleted by the reader for themselves, above what they read and joined after. */

let chat: ChatFixture;
/** As an api has it: counts are kept. */
let remembering: ChatFixture['ctx'];
let people = 0;
beforeAll(async () => {
  chat = await startChatFixture();
  remembering = { ...chat.ctx, store: storeWithMemory(chat.store, chat.clock) };
});
afterAll(() => chat.close());

const newPerson = (name: string) => `${name}${++people}`;
const groupOf = async (...participants: string[]) =>
  (
    await chat.store.conversations.createGroup({
      ...{ participants, name: null, ownerId: participants[0] ?? '', now: new Date() },
    })
  ).id;
const send = (conversationId: string, senderId: string) =>
  sendMessage(chat.ctx, { senderId, body: { conversationId, text: 'hi' }, traceId: 't' });

/** Counted row by row, with no query of ours. */
async function recount(userId: string): Promise<Record<string, number>> {
  const { db } = chat.store;
  const conversations = await db.collection('conversations').find({ participants: userId }).toArray();
  const rows = await db.collection('memberships').find({ userId }).toArray();
  const messages = await db.collection('messages').find().toArray();
  return Object.fromEntries(
    conversations.map(({ _id }) => {
      const own = rows.find((row) => _id.equals(row.conversationId));
      const from = Math.max(own?.readSeq ?? 0, own?.joinedSeq ?? 0);
      const unread = messages.filter(
        (m) =>
          _id.equals(m.conversationId) &&
          m.seq > from &&
          m.senderId !== userId &&
          m.deletedAt === null &&
          m.void !== true &&
          !(m.deletedFor ?? []).includes(userId),
      );
      return [_id.toHexString(), unread.length];
    }),
  );
}

async function expectExact(userId: string, expected: Record<string, number>): Promise<void> {
  expect(await recount(userId)).toEqual(expected);
  // Asked often enough for counts to be kept, and to come from memory.
  for (const ctx of [chat.ctx, remembering, remembering]) {
    const { conversations } = await listConversations(ctx, userId, {});
    expect(Object.fromEntries(conversations.map((c) => [c._id, c.unreadCount]))).toEqual(expected);
    expect(await unreadCount(ctx, userId)).toBe(Object.values(expected).reduce((sum, n) => sum + n, 0));
  }
}

test('deletions for everybody and for oneself, voids, own messages and messages in flight do not count', async () => {
  const [ann, bob] = [newPerson('ann'), newPerson('bob')];
  const id = await groupOf(ann, bob);
  const sent = [];
  for (const sender of [bob, ann, bob, bob, bob, bob]) sent.push(await send(id, sender));
  await expectExact(ann, { [id]: 5 });
  await expectExact(bob, { [id]: 1 });
  await deleteMessage(chat.ctx, { userId: bob, messageId: sent[2]?._id ?? '', forEveryone: true, traceId: 't' });
  await deleteMessage(chat.ctx, { userId: ann, messageId: sent[3]?._id ?? '', forEveryone: false, traceId: 't' });
  await expectExact(ann, { [id]: 3 });
  const preview = { senderId: bob, text: 'lost', messageType: 'text', createdAt: new Date(), deletedAt: null } as const;
  await chat.store.conversations.takeSeq(id, bob, { messageId: new ObjectId().toHexString(), ...preview });
  await expectExact(ann, { [id]: 3 });
  expect(await chat.store.messages.fillVoid(id, 7, new Date())).toBe(true);
  await expectExact(ann, { [id]: 3 });
  await markRead(chat.ctx, { userId: ann, conversationId: id, messageIds: [sent[4]?._id ?? ''], traceId: 't' });
  await expectExact(ann, { [id]: 1 });
});

test('what came before a member joined does not count', async () => {
  const [ann, bob, cy] = [newPerson('ann'), newPerson('bob'), newPerson('cy')];
  const id = await groupOf(ann, bob);
  await send(id, ann);
  await send(id, bob);
  await chat.store.conversations.addParticipants(id, [cy], new Date(), { size: 2 });
  await chat.store.memberships.ensure(id, [cy], 2, 'token');
  await expectExact(cy, { [id]: 0 });
  await send(id, ann);
  await expectExact(cy, { [id]: 1 });
});

test('many conversations, each read up to another place, are counted as if one by one', async () => {
  const ann = newPerson('ann');
  const now = new Date();
  const conversations = Array.from({ length: 230 }, (_, i) => ({ _id: new ObjectId(), seq: i % 7, read: i % 5 }));
  const fields = { changeSeq: 0, createdAt: now, updatedAt: now };
  const { db } = chat.store;
  await db.collection('conversations').insertMany(
    conversations.map(({ _id, seq }, i) => ({
      ...{ _id, seq, participants: [ann, `peer${i}`], isGroup: false, name: null, ownerId: null },
      ...{ lastMessage: null, lastMessageAt: new Date(now.getTime() - i), ...fields },
    })),
  );
  await db
    .collection('memberships')
    .insertMany(
      conversations.map(({ _id, read }) => ({ conversationId: _id, userId: ann, readSeq: read, active: true })),
    );
  await db.collection('messages').insertMany(
    conversations.flatMap(({ _id, seq }, i) =>
      Array.from({ length: seq }, (_, n) => ({
        ...{ conversationId: _id, seq: n + 1, senderId: (n + i) % 3 ? `peer${i}` : ann, text: 'hi', media: [] },
        ...{ messageType: 'text', replyTo: null, createdAt: now, updatedAt: now },
        ...{ deletedAt: (n + i) % 11 ? null : now, ...((n + i) % 13 === 0 && { deletedFor: [ann] }) },
      })),
    ),
  );
  const expected = await recount(ann);
  expect(Object.values(expected).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(100);
  await expectExact(ann, expected);
});
