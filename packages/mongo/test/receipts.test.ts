import { applyDelivered, applyReads, sendMessage } from '@confab/chat';
import { STREAM_VERSION } from '@confab/contracts';
import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
let groups = 0;
beforeAll(async () => {
  chat = await startChatFixture();
});
afterAll(() => chat.close());

async function group(...names: string[]) {
  const suffix = ++groups;
  const people = names.map((name) => `${name}${suffix}`);
  const conversation = await chat.store.conversations.createGroup({
    participants: people,
    name: null,
    ownerId: people[0] ?? '',
    now: new Date(),
  });
  const conversationId = conversation.id;
  const send = async (senderId: string, text: string) => {
    const message = await sendMessage(chat.ctx, { senderId, body: { conversationId, text }, traceId: 't' });
    return { messageId: message._id, seq: message.seq, senderId };
  };
  const envelope = { v: STREAM_VERSION, id: 'r', at: 0, traceId: 't', conversationId } as const;
  const delivered = (userIds: string[], items: Awaited<ReturnType<typeof send>>[], redelivered = false) =>
    applyDelivered(chat.ctx, [{ ...envelope, type: 'delivered', userIds, items }], redelivered);
  const read = (userId: string, messageIds: string[], redelivered = false) =>
    applyReads(chat.ctx, [{ ...envelope, type: 'read', userId, messageIds }], redelivered);
  const readAll = (reads: { userId: string; messageIds?: string[]; fromSeq?: number; toSeq?: number }[]) =>
    applyReads(
      chat.ctx,
      reads.map((receipt) => ({ ...envelope, type: 'read', ...receipt })),
    );
  const told = (event: string) =>
    chat.events
      .filter(({ event: e }) => e.event === event && e.conversationId === conversationId)
      .flatMap(({ event: e, recipients }) =>
        [e.payload, ...(e.more ?? [])].map((payload) => ({
          ...(JSON.parse(payload) as { messageId?: string; messageIds?: string[] }),
          recipients,
        })),
      );
  return { conversationId, people, send, delivered, read, readAll, told };
}

test('two workers that move two members of a group at the same moment tell the sender all the same', async () => {
  const { people, send, told, conversationId } = await group('alice', 'bob', 'carol');
  const [alice, bob, carol] = people as [string, string, string];
  const item = await send(alice, 'hello');
  const bothHaveRead = Promise.withResolvers<void>();
  let reads = 0;
  const memberships = {
    ...chat.store.memberships,
    deliveredIn: async (ids: string[]) => {
      const rows = await chat.store.memberships.deliveredIn(ids);
      reads += 1;
      if (reads === 2) bothHaveRead.resolve();
      await bothHaveRead.promise;
      return rows;
    },
  };
  const worker = { ...chat.ctx, store: { ...chat.store, memberships } };
  const receipt = (userId: string) => ({
    ...({ v: STREAM_VERSION, id: 'r', at: 0, traceId: 't', type: 'delivered' } as const),
    ...{ conversationId, userIds: [userId], items: [item] },
  });
  await Promise.all([bob, carol].map((userId) => applyDelivered(worker, [receipt(userId)])));
  const events = told('message:delivered');
  expect(events.length).toBeGreaterThan(0);
  for (const event of events) expect(event).toMatchObject({ messageId: item.messageId, recipients: [alice] });
});

test('a message to a group is delivered once everybody has it, and its sender is told once', async () => {
  const { people, send, delivered, told } = await group('alice', 'bob', 'carol');
  const [alice, bob, carol] = people as [string, string, string];
  const item = await send(alice, 'hello');
  await delivered([bob], [item]);
  expect(told('message:delivered')).toEqual([]);
  await delivered([carol], [item]);
  await delivered([carol, bob], [item]);
  expect(told('message:delivered')).toMatchObject([{ messageId: item.messageId, recipients: [alice] }]);
});

test('receipts out of order, repeated, and from strangers move nothing back and nothing wrong', async () => {
  const { people, send, delivered, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  const items = [await send(alice, 'one'), await send(alice, 'two'), await send(alice, 'three')];
  await delivered([bob], [items[2] as (typeof items)[0]]);
  await delivered([bob], [items[0] as (typeof items)[0]]);
  await delivered(['stranger'], items);
  expect(told('message:delivered').map((e) => e.messageId)).toEqual(items.map((i) => i.messageId));
  const [row] = await chat.store.memberships.ofUser(bob);
  expect(row).toMatchObject({ deliveredSeq: 3, readSeq: 0 });
  expect(await chat.store.memberships.ofUser('stranger')).toEqual([]);
});

test('each sender of a batch is told of their own messages only', async () => {
  const { people, send, delivered, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  const [one, two] = [await send(alice, 'one'), await send(bob, 'two')];
  await delivered([bob], [one]);
  await delivered([alice], [two]);
  expect(told('message:delivered').map(({ messageId, recipients }) => [messageId, recipients])).toEqual([
    [one.messageId, [alice]],
    [two.messageId, [bob]],
  ]);
});

test('a batch over many conversations tells every message once, in the order of its conversation', async () => {
  const ids = Array.from({ length: 230 }, () => new ObjectId());
  const now = new Date();
  await chat.store.db.collection('conversations').insertMany(
    ids.map((_id, i) => ({
      ...{ _id, participants: [`s${i}`, `r${i}`], isGroup: false, name: null, ownerId: null, seq: 3, changeSeq: 0 },
      ...{ lastMessage: null, lastMessageAt: now, createdAt: now, updatedAt: now },
    })),
  );
  const before = chat.events.length;
  const receipts = [2, 1, 3].flatMap((seq) =>
    ids.map((_id, i) => ({
      ...{ v: STREAM_VERSION, id: `r${i}.${seq}`, at: 0, traceId: 't', type: 'delivered' as const },
      conversationId: _id.toHexString(),
      userIds: [`r${i}`],
      items: [{ messageId: new ObjectId().toHexString(), seq, senderId: `s${i}` }],
    })),
  );
  await applyDelivered(chat.ctx, receipts);
  const told = chat.events.slice(before);
  const bySender = Map.groupBy(told, ({ recipients }) => recipients.join());
  expect(bySender.size).toBe(ids.length);
  for (const events of bySender.values())
    expect(
      events.flatMap(({ event }) => [event.payload, ...(event.more ?? [])]).map((text) => JSON.parse(text).seq),
    ).toEqual([1, 2, 3]);
  const rows = await chat.store.memberships.deliveredIn(ids.map((_id) => _id.toHexString()));
  expect(rows.map((row) => row.deliveredSeq)).toEqual(ids.map(() => 3));
});

test('watermarks move while the bus is away', async () => {
  const { people, send, delivered, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  const item = await send(alice, 'hello');
  chat.bus.down = true;
  await delivered([bob], [item]).finally(() => {
    chat.bus.down = false;
  });
  expect(told('message:delivered')).toEqual([]);
  expect(await chat.store.memberships.ofUser(bob)).toMatchObject([{ deliveredSeq: 1 }]);
});

test('a receipt that comes again after a crash tells again what it names', async () => {
  const { people, send, delivered, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  const item = await send(alice, 'hello');
  await delivered([bob], [item]);
  await delivered([bob], [item], true);
  expect(told('message:delivered')).toHaveLength(2);
});

test('reading goes to the highest named message, tells the senders and the reader, and never goes back', async () => {
  const { people, send, read, told } = await group('alice', 'bob', 'carol');
  const [alice, bob, carol] = people as [string, string, string];
  const items = [await send(alice, 'one'), await send(bob, 'two'), await send(alice, 'three')];
  await read(carol, [items[1]?.messageId ?? '']);
  const [first] = told('messages:read');
  expect(first?.messageIds).toEqual(items.slice(0, 2).map((i) => i.messageId));
  expect(first?.recipients.sort()).toEqual([alice, bob, carol].sort());
  await read(carol, [items[0]?.messageId ?? '']);
  expect(told('messages:read')).toHaveLength(1);
  expect((await chat.store.memberships.ofUser(carol))[0]?.readSeq).toBe(2);
  await read('stranger', [items[2]?.messageId ?? '']);
  expect(told('messages:read')).toHaveLength(1);
});

const idOf = (item: { messageId: string } | undefined) => item?.messageId ?? '';

test('what one reader read in a batch is one event, and each reader has their own', async () => {
  const { people, send, readAll, told } = await group('alice', 'bob', 'carol');
  const [alice, bob, carol] = people as [string, string, string];
  const items = [];
  for (const text of ['one', 'two', 'three', 'four']) items.push(await send(alice, text));
  await readAll([
    { userId: bob, messageIds: [idOf(items[0])] },
    { userId: carol, messageIds: [idOf(items[3])] },
    { userId: bob, messageIds: [idOf(items[2])] },
    { userId: bob, messageIds: [idOf(items[1])] },
    { userId: 'stranger', messageIds: [idOf(items[3])] },
  ]);
  const ids = items.map(idOf);
  expect(told('messages:read')).toMatchObject([
    { readBy: bob, readSeq: 3, messageIds: ids.slice(0, 3) },
    { readBy: carol, readSeq: 4, messageIds: ids },
  ]);
  expect(await chat.store.memberships.ofUser(bob)).toMatchObject([{ readSeq: 3, deliveredSeq: 3 }]);
  expect(await chat.store.memberships.ofUser(carol)).toMatchObject([{ readSeq: 4, deliveredSeq: 4 }]);
});

test('receipts that say from where to where tell of just that, and move no watermark back', async () => {
  const { people, send, readAll, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  for (const text of ['one', 'two', 'three', 'four', 'five']) await send(alice, text);
  await readAll([
    { userId: bob, fromSeq: 1, toSeq: 2 },
    { userId: bob, fromSeq: 4, toSeq: 5 },
    { userId: bob, fromSeq: 2, toSeq: 3 },
  ]);
  expect(told('messages:read')).toMatchObject([{ readSeq: 3 }, { readSeq: 5 }]);
  expect(told('messages:read').map(({ messageIds }) => messageIds?.length)).toEqual([2, 1]);
  await readAll([{ userId: bob, fromSeq: 0, toSeq: 1 }]);
  expect(told('messages:read')).toHaveLength(3);
  expect(await chat.store.memberships.ofUser(bob)).toMatchObject([{ readSeq: 5 }]);
});

test('a receipt beyond the newest message moves no further than that; one that names nothing is for everything', async () => {
  const { people, send, readAll, told } = await group('alice', 'bob', 'carol');
  const [alice, bob, carol] = people as [string, string, string];
  await send(alice, 'one');
  await send(alice, 'two');
  await readAll([{ userId: bob, fromSeq: 0, toSeq: 900 }, { userId: carol }]);
  expect(told('messages:read')).toMatchObject([
    { readBy: bob, readSeq: 2 },
    { readBy: carol, readSeq: 2 },
  ]);
  expect(await chat.store.memberships.ofUser(bob)).toMatchObject([{ readSeq: 2 }]);
});

test('more than one event may name is told in several', async () => {
  const { conversationId, people, readAll, told } = await group('alice', 'bob');
  const [alice, bob] = people as [string, string];
  const _id = new ObjectId(conversationId);
  const now = new Date();
  await chat.store.db.collection('conversations').updateOne({ _id }, { $set: { seq: 700 } });
  await chat.store.db.collection('messages').insertMany(
    Array.from({ length: 700 }, (_, i) => ({
      ...{ conversationId: _id, seq: i + 1, changeSeq: 0, senderId: alice, text: 'x', media: [], messageType: 'text' },
      ...{ replyTo: null, deletedAt: null, deletedFor: [], createdAt: now, updatedAt: now },
    })),
  );
  await readAll([
    { userId: bob, fromSeq: 0, toSeq: 400 },
    { userId: bob, fromSeq: 400, toSeq: 700 },
  ]);
  expect(told('messages:read').map(({ messageIds }) => messageIds?.length)).toEqual([400, 300]);
});

test('first watermarks of one member that race all count, and more of them than one command takes', async () => {
  const conversationId = new ObjectId().toHexString();
  const { raise, ofConversations } = chat.store.memberships;
  await Promise.all([3, 9, 5, 7, 1, 8].map((deliveredSeq) => raise([{ conversationId, userId: 'bob', deliveredSeq }])));
  await raise([{ conversationId, userId: 'bob', deliveredSeq: 4, readSeq: 2, known: true }]);
  expect(await ofConversations([conversationId])).toMatchObject([{ userId: 'bob', deliveredSeq: 9, readSeq: 2 }]);
  const [groupId, members] = [new ObjectId().toHexString(), Array.from({ length: 1_100 }, (_, i) => `m${i}`)];
  await raise(members.map((userId, i) => ({ conversationId: groupId, userId, deliveredSeq: i + 1 })));
  const rows = await ofConversations([groupId]);
  expect(rows.map((row) => row.deliveredSeq).toSorted((a, b) => a - b)).toEqual(members.map((_, i) => i + 1));
  expect(rows[0]).toMatchObject({ readSeq: 0, joinedSeq: 0, active: true });
});
