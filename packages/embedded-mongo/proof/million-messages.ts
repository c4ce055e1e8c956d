/**
 * 1,000,000 stored messages: history page and unread count, memory, start time.
 * `node --conditions=confab-source proof/million-messages.ts [messages]`
 */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collection, MongoClient, ObjectId } from 'mongodb';
import { type ServerProcess, startProcess } from './server-process.ts';

const MESSAGES = Number(process.argv[2] ?? 1_000_000);
const CONVERSATIONS = 1000;
const BATCH = 1000;
const SAMPLES = 2000;
const UNREAD = 100;

const conversations = Array.from({ length: CONVERSATIONS }, () => new ObjectId());
const perConversation = MESSAGES / CONVERSATIONS;

function message(i: number) {
  const seq = Math.floor(i / CONVERSATIONS) + 1;
  return {
    conversationId: conversations[i % CONVERSATIONS]!,
    seq,
    changeSeq: 0,
    senderId: seq % 2 ? 'alice' : 'bob',
    clientMessageId: `c-${i}`,
    content: `message ${i}: the quick brown fox jumps over the lazy dog`,
    type: 'text',
    deletedAt: null,
    createdAt: new Date(1_700_000_000_000 + i),
  };
}

async function fill(messages: Collection): Promise<number> {
  await messages.createIndexes([
    { key: { conversationId: 1, seq: 1 }, unique: true },
    {
      key: { conversationId: 1, senderId: 1, clientMessageId: 1 },
      unique: true,
      partialFilterExpression: { clientMessageId: { $exists: true } },
    },
    { key: { conversationId: 1, changeSeq: 1 } },
    { key: { unpublished: 1 }, partialFilterExpression: { unpublished: true } },
  ]);
  const started = performance.now();
  for (let i = 0; i < MESSAGES; i += BATCH) {
    await messages.insertMany(Array.from({ length: BATCH }, (_, n) => message(i + n)));
  }
  return (performance.now() - started) / 1000;
}

async function sample(call: (i: number) => Promise<unknown>): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const started = performance.now();
    await call(i);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.floor(times.length * share)]! * 100) / 100;
  return { p50: at(0.5), p99: at(0.99) };
}

const page = (messages: Collection) => (i: number) =>
  messages
    .find({
      conversationId: conversations[(i * 7) % CONVERSATIONS]!,
      seq: { $lt: perConversation - (i % 500) },
      void: { $ne: true },
      deletedFor: { $ne: 'bob' },
    })
    .sort({ seq: -1 })
    .limit(50)
    .toArray();

const unread = (messages: Collection) => (i: number) =>
  messages.countDocuments({
    conversationId: conversations[(i * 13) % CONVERSATIONS]!,
    seq: { $gt: perConversation - UNREAD },
    senderId: { $ne: 'bob' },
    deletedAt: null,
    void: { $ne: true },
  });

/** Resident memory of a process, and the part of it that is not the mapped file, in MB. */
async function memoryOf(server: ServerProcess): Promise<Record<string, number>> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => '');
  const of = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { residentMb: of('VmRSS'), anonymousMb: of('RssAnon'), mappedFileMb: of('RssFile') };
}

const folder = await mkdtemp(join(tmpdir(), 'embedded-mongo-million-'));
let server = await startProcess(folder);
let client = new MongoClient(server.url, { writeConcern: { w: 'majority' } });
const fillSeconds = await fill(client.db('chat').collection('messages'));
await client.close();
await server.end('SIGKILL');
server = await startProcess(folder);
client = new MongoClient(server.url);
const messages = client.db('chat').collection('messages');
const counted = await messages.countDocuments({});
const history = await sample(page(messages));
const unreadCount = await sample(unread(messages));
console.log(
  JSON.stringify({
    messages: counted,
    fillSeconds: Math.round(fillSeconds),
    startMs: Math.round(server.startMs),
    historyPageMs: history,
    unreadCountMs: unreadCount,
    memory: await memoryOf(server),
    fileMb: Math.round((await stat(join(folder, 'data.mdb'))).size / 2 ** 20),
  }),
);
await client.close();
await server.end('SIGTERM');
await rm(folder, { recursive: true, force: true });
