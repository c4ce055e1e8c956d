import { randomUUID } from 'node:crypto';
import { eventually, startTcpProxy, type TcpProxy, testMongo } from '@confab/testkit';
import { ObjectId } from 'mongodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectMongo, type MongoStore } from '../src/index.ts';

/* Sends that come together take their seqs by one command, and each seq is taken once whoever else takes some. */

let proxy: TcpProxy;
let store: MongoStore;
/** Another process, on a way of its own. */
let other: MongoStore;
let commands: string[];
beforeEach(async () => {
  const mongo = await testMongo();
  const database = mongo.dbName();
  proxy = await startTcpProxy(mongo.url);
  store = await connectMongo({ url: proxy.through(mongo.url), database, poolSize: 4 });
  other = await connectMongo({ url: mongo.url, database, poolSize: 4 });
  commands = [];
  proxy.onRequest((chunk) => {
    const command = /(update|findAndModify|find)\0/.exec(chunk.toString('latin1'))?.[1];
    if (command) commands.push(command);
  });
});
afterEach(async () => {
  await store.db.dropDatabase();
  await Promise.all([store.close(), other.close()]);
  await proxy.close();
});

const newId = () => new ObjectId().toHexString();

/** Conversations of alice, of which the store has taken a seq already. */
async function known(count: number): Promise<string[]> {
  const create = () => store.conversations.createDirect(['alice', `b-${randomUUID()}`], new Date());
  const created = await Promise.all(Array.from({ length: count }, create));
  const ids = created.map(({ conversation }) => conversation.id);
  await Promise.all(ids.map((id) => take(id)));
  commands = [];
  return ids;
}

async function take(id: string, by = store, senderId = 'alice', messageId = newId()) {
  const about = { messageId, text: 'hello', messageType: 'text', createdAt: new Date(), deletedAt: null } as const;
  return by.conversations.takeSeq(id, senderId, { ...about, senderId });
}
const seqsOf = async (takes: ReturnType<typeof take>[]) => (await Promise.all(takes)).map((taken) => taken?.seq);
const shown = async (id: string) => (await other.conversations.findByIds([id]))[0]?.lastMessage;
const seqOf = async (id: string) => (await other.conversations.findByIds([id]))[0]?.seq;

test('what comes together takes one command, and sets each preview', async () => {
  const ids = await known(30);
  const messageId = newId();
  const takes = [take(ids[0] as string, store, 'alice', messageId), ...ids.slice(1).map((id) => take(id))];
  expect(new Set(await seqsOf(takes))).toEqual(new Set([2]));
  expect(commands).toEqual(['update']);
  expect(await shown(ids[0] as string)).toMatchObject({ messageId, seq: 2 });
});

test('sends of one conversation take consecutive seqs in their order, and the last is shown', async () => {
  const [id = ''] = await known(1);
  const last = newId();
  const takes = [take(id), take(id, store, 'alice'), take(id, store, 'alice', last)];
  expect(await seqsOf(takes)).toEqual([2, 3, 4]);
  expect(commands).toEqual(['update']);
  expect(await shown(id)).toMatchObject({ messageId: last, seq: 4 });
});

test('what another process took is not taken again, and neighbours have theirs at once', async () => {
  const ids = await known(3);
  await take(ids[1] as string, other);
  await take(ids[1] as string, other);
  expect(await seqsOf(ids.map((id) => take(id)))).toEqual([2, 4, 2]);
  expect(commands).toEqual(['update', 'find', 'findAndModify']);
  expect(await seqsOf(ids.map((id) => take(id)))).toEqual([3, 5, 3]);
});

test('participants are those of the moment at which the seq was taken', async () => {
  const { id } = await store.conversations.createGroup({
    participants: ['alice', 'bob'],
    name: 'g',
    ownerId: 'alice',
    now: new Date(),
  });
  await take(id);
  await other.conversations.addParticipants(id, ['carol'], new Date(), { size: 2 });
  expect((await take(id))?.participants).toEqual(['alice', 'bob', 'carol']);
  await other.conversations.removeParticipant(id, 'alice', new Date());
  expect(await take(id)).toBeNull();
  expect(await take(id, store, 'bob')).toMatchObject({ seq: 3, participants: ['bob', 'carol'] });
});

test('a stranger takes nothing, known conversation or not', async () => {
  const [id = ''] = await known(1);
  expect(await Promise.all([take(id, store, 'mallory'), take(id), take(newId())])).toMatchObject([
    null,
    { seq: 2 },
    null,
  ]);
  expect(await seqOf(id)).toBe(2);
});

test('where it cannot be told which takes happened, none of their seqs stays a hole', async () => {
  const [stale = '', overtaken = ''] = await known(2);
  await take(stale, other);
  const end = proxy.onRequest((chunk) => {
    if (chunk.toString('latin1').includes('update\0')) proxy.stall();
  });
  const takes = seqsOf([take(stale), take(overtaken)]);
  await eventually(async () => expect(await seqOf(overtaken)).toBe(2));
  await take(stale, other);
  await take(overtaken, other);
  end();
  proxy.heal();
  expect(await takes).toEqual([4, 4]);
  const present = await other.messages.presentSeqs([{ conversationId: overtaken, fromSeq: 0, toSeq: 10 }]);
  expect(present.get(overtaken)).toEqual(new Map([[2, { void: true }]]));
});

test('a take that another process was before is known not to have happened, and voids nothing', async () => {
  const [ids, fresh] = [await known(3), await known(1)];
  for (const id of ids) await take(id, other);
  const [first = ''] = ids;
  const end = proxy.onRequest((chunk) => {
    if (chunk.toString('latin1').includes('update\0')) proxy.stall();
  });
  const takes = seqsOf([...fresh, ...ids, first].map((id) => take(id)));
  await eventually(async () => expect(await seqOf(fresh[0] as string)).toBe(2));
  await take(fresh[0] as string, other);
  end();
  proxy.heal();
  expect(await takes).toEqual([2, 3, 3, 3, 4]);
  const present = await other.messages.presentSeqs(
    [...fresh, ...ids].map((conversationId) => ({ conversationId, fromSeq: 0, toSeq: 20 })),
  );
  expect([...present.values()].flatMap((rows) => [...rows])).toEqual([]);
});

test('a lost reply is told, and the next take goes on from where the store is', async () => {
  const [id = ''] = await known(1);
  proxy.loseReplies({ request: /update\0/, times: 1, how: 'cut' });
  await expect(take(id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await eventually(async () => expect((await take(id))?.seq).toBe(3));
});

test('two processes that take at once in the same conversations never take one seq twice', async () => {
  const ids = await known(4);
  const rounds = Array.from({ length: 25 }, (_, round) => round);
  const taker = async (by: MongoStore) => {
    const taken: string[] = [];
    for (const round of rounds) {
      const chosen = ids.filter((_, index) => (round + index) % 3 !== 0);
      const seqs = await seqsOf([...chosen, ...chosen].map((id) => take(id, by)));
      taken.push(...seqs.map((seq, index) => `${[...chosen, ...chosen][index]}:${seq}`));
    }
    return taken;
  };
  const taken = (await Promise.all([taker(store), taker(other)])).flat();
  expect(new Set(taken).size).toBe(taken.length);
  for (const id of ids) {
    const seqs = taken.filter((key) => key.startsWith(id)).map((key) => Number(key.split(':')[1]));
    const top = (await seqOf(id)) ?? 0;
    const present = await other.messages.presentSeqs([{ conversationId: id, fromSeq: 1, toSeq: top }]);
    const filled = [...(present.get(id)?.keys() ?? [])].filter((seq) => !seqs.includes(seq));
    expect([...seqs, ...filled].toSorted((a, b) => a - b)).toEqual(Array.from({ length: top - 1 }, (_, i) => i + 2));
  }
});

test('a message whose seq went away with the store that gave it raises its conversation', async () => {
  const [id = ''] = await known(1);
  const seq = (await take(id))?.seq ?? 0;
  await other.db.collection('conversations').updateOne({ _id: new ObjectId(id) }, { $set: { seq: seq - 1 } });
  proxy.loseReplies({ request: /insert\0/, times: 1, how: 'cut' });
  const message = { id: newId(), conversationId: id, seq, changeSeq: 0, senderId: 'alice', clientMessageId: null };
  const about = { text: 'hello', messageType: 'text', replyTo: null, deletedAt: null } as const;
  const at = { createdAt: new Date(), updatedAt: new Date() };
  expect(await store.messages.insert({ ...message, ...about, media: [], deletedFor: [], ...at })).toEqual({
    kind: 'inserted',
  });
  expect(await seqOf(id)).toBe(seq);
});

/** A conversation of which this process knows nothing yet. */
async function unknown(participants = ['alice', `b-${randomUUID()}`]) {
  const { id } = await other.conversations.createGroup({ participants, name: 'g', ownerId: 'alice', now: new Date() });
  return id;
}

test('in a conversation that is not known yet, sends take their seqs in order: the first alone, the others by one command', async () => {
  const id = await unknown();
  const last = newId();
  const takes = [...Array.from({ length: 9 }, () => take(id)), take(id, store, 'alice', last)];
  expect(await seqsOf(takes)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(commands).toEqual(['findAndModify', 'findAndModify']);
  expect(await shown(id)).toMatchObject({ messageId: last, seq: 10 });
});

test('senders of one conversation take together, and do not suffer from one who has left', async () => {
  const id = await unknown(['alice', 'bob', 'carol']);
  const first = take(id);
  const others = ['bob', 'alice', 'mallory', 'carol', 'alice'].map((who) => take(id, store, who));
  expect((await first)?.seq).toBe(1);
  const [bob, alice, mallory, carol, again] = await seqsOf(others);
  expect(mallory).toBeUndefined();
  expect([bob, alice, carol, again].toSorted()).toEqual([2, 3, 4, 5]);
  expect(again).toBeGreaterThan(alice as number);
  expect(await seqOf(id)).toBe(5);
});

test('sends whose forecast missed take their seqs in order all the same', async () => {
  const [id = ''] = await known(1);
  await take(id, other);
  expect(await seqsOf(Array.from({ length: 5 }, () => take(id)))).toEqual([3, 4, 5, 6, 7]);
  expect(commands).toEqual(['update', 'find', 'findAndModify']);
});

test('what waits behind a take without an answer is told so with it, and not one after the other', async () => {
  const id = await unknown();
  proxy.loseReplies({ request: /findAndModify\0/, times: 1, how: 'cut' });
  const outcomes = await Promise.allSettled([take(id), take(id), take(id)]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  await eventually(async () => expect((await take(id))?.seq).toBe(2));
});

test('a stranger has a queue of their own: neither held up nor holding up', async () => {
  const [id = ''] = await known(1);
  const end = proxy.onRequest((chunk) => {
    if (chunk.toString('latin1').includes('update\0')) proxy.stall();
  });
  const taken = take(id);
  await eventually(async () => expect(await seqOf(id)).toBe(2));
  end();
  const foreign = take(id, store, 'mallory');
  proxy.heal();
  expect(await foreign).toBeNull();
  expect((await taken)?.seq).toBe(2);
  expect(commands.toSorted()).toEqual(['findAndModify', 'update']);
});

test('a take that fails fails those who wait behind it, also of the next batch', async () => {
  const [x = '', y = ''] = await known(2);
  proxy.loseReplies({ request: /update\0/, times: 1, how: 'cut' });
  // More than one command has: the last ones come to their turn while the first ones have it.
  const many = Array.from({ length: 150 }, () => take(y));
  const [outcomes] = await Promise.all([Promise.allSettled(many), Promise.allSettled([take(x)])]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  await eventually(async () => expect((await take(y))?.seq).toBeGreaterThan(100));
});
