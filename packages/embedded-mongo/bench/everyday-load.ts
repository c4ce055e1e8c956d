/**
 * What a chat asks of a store, with 50 connections of the official driver: durable inserts, findAndModify of one
 * counter per conversation, and indexed pages of 50 documents.
 *
 *   node --conditions=confab-source bench/everyday-load.ts [seconds]          embedded server in a process of its own
 *   MONGODB_URL=mongodb://... node bench/everyday-load.ts [seconds]            any other server
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collection, MongoClient, ObjectId as NewId, type ObjectId } from 'mongodb';

const CONNECTIONS = 50;
const CONVERSATIONS = 200;
const SECONDS = Number(process.argv[2] ?? 8);

interface Target {
  url: string;
  stop(): Promise<void>;
}

/** The embedded server, started as `npm run mongod` starts it. */
async function startEmbedded(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-mongo-bench-'));
  const main = new URL('../src/main.ts', import.meta.url);
  const child = fork(main, ['--port', '0', '--data', folder], {
    silent: true,
    execArgv: ['--conditions=confab-source'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (line: Buffer) => resolve(String(line).trim().replace('MONGODB_URL=', '')));
    child.stderr!.on('data', (line: Buffer) => reject(new Error(String(line))));
  });
  return {
    url,
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs `call` from all connections for a while; the result is calls per second. */
async function measure(call: (worker: number, round: number) => Promise<unknown>): Promise<number> {
  const ends = performance.now() + SECONDS * 1000;
  let calls = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, worker) => {
      for (let round = 0; performance.now() < ends; round++) {
        await call(worker, round);
        calls++;
      }
    }),
  );
  return calls / ((performance.now() - started) / 1000);
}

const conversations: ObjectId[] = Array.from({ length: CONVERSATIONS }, () => new NewId());

async function prepare(
  messages: Collection,
  counters: Collection<{ _id: ObjectId; participants: string[]; seq: number }>,
) {
  await messages.createIndexes([
    { key: { conversationId: 1, seq: 1 }, unique: true },
    {
      key: { conversationId: 1, senderId: 1, clientMessageId: 1 },
      unique: true,
      partialFilterExpression: { clientMessageId: { $exists: true } },
    },
    { key: { unpublished: 1 }, partialFilterExpression: { unpublished: true } },
  ]);
  await counters.createIndex({ participants: 1, lastMessageAt: -1 });
  await counters.insertMany(conversations.map((_id) => ({ _id, participants: ['alice', 'bob'], seq: 0 })));
}

function message(conversationId: ObjectId, seq: number) {
  return {
    conversationId,
    seq,
    senderId: 'alice',
    clientMessageId: `${seq}-${Math.random()}`,
    content: 'The quick brown fox jumps over the lazy dog, and the dog takes it well.',
    type: 'text',
    createdAt: new Date(),
    unpublished: true,
  };
}

const target = process.env.MONGODB_URL ? { url: process.env.MONGODB_URL, stop: async () => {} } : await startEmbedded();
const client = new MongoClient(target.url, {
  maxPoolSize: CONNECTIONS,
  minPoolSize: CONNECTIONS,
  writeConcern: { w: 'majority' },
});
await client.connect();
const db = client.db(`bench_${process.pid}`);
const messages = db.collection('messages');
const counters = db.collection<{ _id: ObjectId; participants: string[]; seq: number }>('conversations');
await prepare(messages, counters);

let seq = 0;
const inserts = await measure((worker) => messages.insertOne(message(conversations[worker]!, ++seq)));
const modifies = await measure((worker, round) =>
  counters.findOneAndUpdate(
    { _id: conversations[(worker + round) % CONVERSATIONS]!, participants: 'alice' },
    { $inc: { seq: 1 }, $set: { lastMessageAt: new Date() } },
    { returnDocument: 'after', projection: { seq: 1, participants: 1 } },
  ),
);
const paged = new NewId();
await messages.insertMany(Array.from({ length: 20_000 }, (_, i) => message(paged, i + 1)));
const pages = await measure(async (worker, round) => {
  const below = 100 + ((worker * 379 + round * 53) % 19_900);
  const page = await messages
    .find({ conversationId: paged, seq: { $lt: below }, void: { $ne: true }, deletedFor: { $ne: 'alice' } })
    .sort({ seq: -1 })
    .limit(50)
    .toArray();
  if (page.length !== 50) throw new Error(`page of ${page.length}`);
});

console.log(
  JSON.stringify({
    server: process.env.MONGODB_URL ?? 'embedded',
    connections: CONNECTIONS,
    secondsEach: SECONDS,
    durableInsertsPerSecond: Math.round(inserts),
    findAndModifyPerSecond: Math.round(modifies),
    pagesOf50PerSecond: Math.round(pages),
  }),
);
await db.dropDatabase();
await client.close();
await target.stop();
