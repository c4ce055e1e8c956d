/**
 * CPU of the server, without sockets, for the statements that the services run all day: those of one message, four messages to a command, and the
 * reads of a list of 500 conversations.
 *
 *   node --conditions=confab-source bench/service-statements.ts [rounds] [other source folder ...]
 *
 * With other source folders (a copy of `src` from before a change) it measures them in turns with this one, and prints the ratios to the last.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Document, ObjectId, serialize } from 'bson';
import type { Engine } from '../src/engine.ts';
import type { Request } from '../src/wire/message.ts';

const ROUNDS = Number(process.argv[2] ?? 3_000);
const FOLDERS = [
  new URL('../src', import.meta.url).pathname,
  ...process.argv.slice(3).map((folder) => resolve(folder)),
];
const CONVERSATIONS = 500;
const TOGETHER = 4;
/** Each round runs in slices, in turns with the other sources: what the machine gives meanwhile is the same for all. */
const SLICES = 20;
const TEXT = 'A message of a usual length, as people write them to each other all day long.';

interface Server {
  engine: Engine;
  folder: string;
  execute(engine: Engine, request: Request, connection: number): Promise<Buffer> | Buffer;
  read(message: Buffer): Request;
  seqs: number[];
  unread: ObjectId[];
}

const ids = Array.from({ length: CONVERSATIONS }, () => new ObjectId());
const people = (index: number) => ['heavy', `friend${index}`];

function messageOf(command: Document): Buffer {
  const body = serialize({ ...command, lsid: { id: new ObjectId() }, $db: 'chat' });
  const message = Buffer.alloc(21 + body.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(2013, 12);
  message.set(body, 21);
  return message;
}

async function run(server: Server, message: Buffer): Promise<void> {
  const reply = await server.execute(server.engine, server.read(message), 1);
  if (reply.includes('errmsg')) throw new Error(reply.toString('latin1'));
}

async function start(source: string): Promise<Server> {
  const load = (file: string) => import(pathToFileURL(join(source, file)).href);
  const [{ Engine }, { executeRequest }, { readRequest }] = await Promise.all(
    ['engine.ts', 'commands/registry.ts', 'wire/message.ts'].map(load),
  );
  const folder = await mkdtemp(join(tmpdir(), 'service-statements-'));
  const engine = new Engine({ dataDir: folder });
  const server = { engine, folder, execute: executeRequest, read: readRequest, seqs: ids.map(() => 0), unread: [] };
  await prepare(server);
  return server;
}

const exists = (field: string) => ({ partialFilterExpression: { [field]: { $exists: true } } });

async function prepare(server: Server): Promise<void> {
  const index = (collection: string, indexes: Document[]) =>
    run(server, messageOf({ createIndexes: collection, indexes }));
  await index('conversations', [
    { key: { participants: 1 }, name: 'by_participant' },
    { key: { pairKey: 1 }, name: 'one_per_pair', unique: true, ...exists('pairKey') },
    { key: { updatedAt: 1 }, name: 'by_update' },
  ]);
  await index('memberships', [
    { key: { conversationId: 1, userId: 1 }, name: 'one_per_member', unique: true },
    { key: { userId: 1 }, name: 'by_user' },
    { key: { changing: 1 }, name: 'marks', ...exists('changing') },
  ]);
  const clientId = { conversationId: 1, senderId: 1, clientMessageId: 1 };
  await index('messages', [
    { key: { conversationId: 1, seq: 1 }, name: 'one_per_seq', unique: true },
    { key: clientId, name: 'one_per_client_id', unique: true, ...exists('clientMessageId') },
    { key: { unpublished: 1, createdAt: 1 }, name: 'outbox', partialFilterExpression: { unpublished: true } },
    { key: { conversationId: 1, changeSeq: 1 }, name: 'by_change', ...exists('changeSeq') },
    { key: { conversationId: 1, changing: 1 }, name: 'marks_by_conversation', ...exists('changing') },
    { key: { changing: 1 }, name: 'marks', ...exists('changing') },
    { key: { conversationId: 1, void: 1 }, name: 'voids', partialFilterExpression: { void: true } },
    { key: { conversationId: 1, deletedFor: 1 }, name: 'hidden', ...exists('deletedFor') },
  ]);
  const at = new Date();
  const conversations = ids.map((_id, i) => ({
    ...{ _id, participants: people(i), isGroup: false, name: null, ownerId: null, seq: 0, changeSeq: 0, denseSeq: 0 },
    ...{ lastMessage: preview(i, at), lastMessageAt: at, createdAt: at, updatedAt: at },
  }));
  await run(server, messageOf({ insert: 'conversations', documents: conversations }));
  const memberships = ids.flatMap((conversationId, i) =>
    people(i).map((userId) => ({
      ...{ _id: new ObjectId(), conversationId, joinedSeq: 0, active: true, changeSeq: 0 },
      ...{ userId, deliveredSeq: 0, readSeq: 0 },
    })),
  );
  await run(server, messageOf({ insert: 'memberships', documents: memberships }));
}

const preview = (index: number, createdAt: Date) => ({
  ...{ messageId: new ObjectId(), senderId: `friend${index}`, text: TEXT, messageType: 'text', createdAt },
  deletedAt: null,
});

/** The commands of four messages, by their kind. */
function statements(server: Server, round: number): Record<string, Document> {
  const places = Array.from({ length: TOGETHER }, (_, n) => (round * TOGETHER + n * 7) % CONVERSATIONS);
  const at = new Date();
  const w1 = { ordered: false, writeConcern: { w: 1 } };
  const majority = { ordered: false, writeConcern: { w: 'majority' } };
  const messages = places.map((i) => ({
    ...{ _id: new ObjectId(), conversationId: ids[i], seq: server.seqs[i]! + 1, senderId: `friend${i}` },
    ...{ clientMessageId: new ObjectId().toHexString(), text: TEXT, media: [], messageType: 'text', replyTo: null },
    ...{ deletedAt: null, unpublished: true, createdAt: at, updatedAt: at },
  }));
  const take = (i: number) => ({
    q: { _id: ids[i], participants: people(i), seq: server.seqs[i]! },
    u: { $inc: { seq: 1 }, $set: { lastMessage: preview(i, at), lastMessageAt: at, updatedAt: at } },
  });
  const raise = (i: number) => ({
    q: { conversationId: ids[i], userId: 'heavy' },
    u: { $max: { deliveredSeq: server.seqs[i]! + 1 } },
  });
  const ofThese = { $in: places.map((i) => ids[i]) };
  const commands = {
    take: { update: 'conversations', updates: places.map(take), ...w1 },
    insert: { insert: 'messages', documents: messages, ...majority },
    published: {
      update: 'messages',
      updates: [
        { q: { _id: { $in: messages.map(({ _id }) => _id) } }, u: { $unset: { unpublished: '' } }, multi: true },
      ],
      ...w1,
    },
    rosters: {
      find: 'conversations',
      filter: { _id: ofThese },
      projection: { seq: 1, participants: 1 },
      batchSize: 10_000,
    },
    delivered: {
      find: 'memberships',
      filter: { conversationId: ofThese },
      projection: { _id: 0, conversationId: 1, userId: 1, deliveredSeq: 1 },
      batchSize: 10_000,
    },
    raise: { update: 'memberships', updates: places.map(raise), ...majority },
  };
  for (const i of places) server.seqs[i]!++;
  return commands;
}

/** The reads of a heavy user's list, of which all conversations have three unread messages. */
function listReads(server: Server): Record<string, Document> {
  const above = ids.slice(0, 100).map((conversationId, i) => ({ conversationId, seq: { $gt: server.seqs[i]! - 3 } }));
  const countable = {
    senderId: { $ne: 'heavy' },
    deletedAt: null,
    void: { $exists: false },
    deletedFor: { $ne: 'heavy' },
  };
  const own = { conversationId: 1, readSeq: 1, joinedSeq: 1, hiddenSeq: 1, active: 1, changing: 1 };
  const all = { batchSize: 10_000 };
  return {
    list: {
      find: 'conversations',
      filter: { participants: 'heavy' },
      sort: { lastMessageAt: -1, _id: -1 },
      limit: 501,
      ...all,
    },
    positions: { find: 'memberships', filter: { userId: 'heavy' }, projection: { _id: 0, ...own }, ...all },
    members: { find: 'memberships', filter: { conversationId: { $in: ids } }, ...all },
    unread: {
      aggregate: 'messages',
      pipeline: [{ $match: { $or: above, ...countable } }, { $group: { _id: '$conversationId', unread: { $sum: 1 } } }],
      cursor: all,
    },
    history: {
      find: 'messages',
      filter: { conversationId: ids[0], seq: { $gt: 0 }, void: { $exists: false }, deletedFor: { $ne: 'heavy' } },
      sort: { seq: -1 },
      limit: 50,
    },
    voids: {
      aggregate: 'messages',
      pipeline: [{ $match: { conversationId: ids[0], void: true } }, { $group: { _id: 1, n: { $sum: 1 } } }],
      cursor: {},
    },
    access: { find: 'conversations', filter: { _id: ids[0], participants: 'heavy' }, limit: 1, singleBatch: true },
  };
}

/** Microseconds of CPU per command, by kind: of the slices the least, which the rest of the machine disturbed least. */
async function measure(rounds: Record<string, Document>[], server: Server, least: Map<string, number>): Promise<void> {
  for (const kind of Object.keys(rounds[0]!)) {
    const messages = rounds.map((commands) => messageOf(commands[kind]!));
    const before = process.cpuUsage();
    for (const message of messages) await run(server, message);
    const { user, system } = process.cpuUsage(before);
    least.set(kind, Math.min(least.get(kind) ?? Infinity, (user + system) / messages.length));
  }
}

const servers = await Promise.all(FOLDERS.map(start));
const results = servers.map(() => new Map<string, number>());
const perSlice = Math.ceil(ROUNDS / SLICES);
const reads = Math.ceil(ROUNDS / 10 / SLICES);
for (let slice = 0; slice < SLICES + 2; slice++) {
  for (const [i, server] of servers.entries()) {
    // the first two are for warming up
    const least = slice < 2 ? new Map<string, number>() : results[i]!;
    const rounds = Array.from({ length: perSlice }, (_, n) => statements(server, slice * perSlice + n));
    await measure(rounds, server, least);
    await measure(
      Array.from({ length: reads }, () => listReads(server)),
      server,
      least,
    );
  }
}
for (const kind of results[0]!.keys()) {
  const each = results.map((least) => least.get(kind)!);
  const ratios = each.slice(0, -1).map((value) => (value / each.at(-1)!).toFixed(3));
  console.log(kind.padEnd(12), ...each.map((value) => value.toFixed(1).padStart(9)), '  ', ...ratios);
}
for (const { engine, folder } of servers) {
  await engine.close();
  await rm(folder, { recursive: true });
}
