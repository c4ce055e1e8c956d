import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken, type ServiceProcess, startService, tempDir, testMongo } from '@confab/testkit';
import { MongoClient, ObjectId } from 'mongodb';

const JWT_SECRET = 'the-secret-of-the-browser-tests-0123456789abcdef';

export interface ChatServer {
  url: string;
  process: ServiceProcess;
  /** A token for a user, who is known from then on by the name in it. */
  token(userId: string): string;
  /** The conversation of two users, made as a client makes it. */
  conversation(userId: string, otherId: string): Promise<string>;
  send(userId: string, conversationId: string, text: string, fields?: object): Promise<string>;
  /** Writes a long conversation into the store, as the api would have. */
  seed(
    conversationId: string,
    count: number,
    textOf: (seq: number) => string,
    senders: [string, string],
  ): Promise<void>;
  stop(): Promise<void>;
}

/** A standalone Confab of its own, with limits that do not get in the way unless `env` sets them. */
export async function startChatServer(env: Record<string, string> = {}): Promise<ChatServer> {
  const folder = await tempDir('browser');
  const mongo = await testMongo();
  const database = mongo.dbName();
  const process = await startService({
    name: 'standalone',
    env: {
      PORT: '0',
      DATA_DIR: folder.path,
      JWT_SECRET,
      MONGODB_URL: mongo.url,
      MONGODB_DATABASE: database,
      MESSAGES_PER_MINUTE: '10000',
      CONVERSATIONS_PER_HOUR: '1000',
      LOG_LEVEL: 'info',
      ...env,
    },
  });
  const token = (userId: string) => {
    const [firstName = userId, lastName = ''] = userId
      .split('-')
      .map((part) => part.replace(/^./, (c) => c.toUpperCase()));
    return mintToken(JWT_SECRET, { sub: userId, firstName, lastName });
  };
  const call = async <T>(userId: string, method: string, path: string, body?: unknown): Promise<T> => {
    const reply = await untilTaken(() =>
      fetch(`${process.url}/api/chat${path}`, {
        method,
        headers: { authorization: `Bearer ${token(userId)}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return ((await reply.json()) as { data: T }).data;
  };
  return {
    // As people open it, and as the addresses of uploads have it.
    url: process.url.replace('127.0.0.1', 'localhost'),
    process,
    token,
    conversation: async (userId, otherId) => {
      // Both have been here before: their names are known.
      await Promise.all([userId, otherId].map((id) => call(id, 'GET', '/unread-count')));
      return (await call<{ _id: string }>(userId, 'GET', `/conversation/${otherId}`))._id;
    },
    send: async (userId, conversationId, text, fields = {}) =>
      (await call<{ _id: string }>(userId, 'POST', '/message', { conversationId, text, ...fields }))._id,
    seed: (conversationId, count, textOf, senders) =>
      seedMessages({ url: mongo.url, database, conversationId, count, textOf, senders }),
    stop: async () => {
      await process.stop();
      await folder.remove();
    },
  };
}

/** Asks again when the server says that it is too busy: on a loaded machine it does while it starts, and nothing was done then. */
async function untilTaken(ask: () => Promise<Response>): Promise<Response> {
  for (let tries = 0; ; tries++) {
    const reply = await ask();
    if (reply.status !== 503 || tries >= 10) return reply;
    await sleep(1_000 * Number(reply.headers.get('retry-after') ?? 1));
  }
}

interface Seed {
  url: string;
  database: string;
  conversationId: string;
  count: number;
  textOf: (seq: number) => string;
  senders: [string, string];
}

async function seedMessages({ url, database, conversationId, count, textOf, senders }: Seed): Promise<void> {
  const client = new MongoClient(url);
  const db = client.db(database);
  const _id = new ObjectId(conversationId);
  const begin = Date.now() - count * 60_000;
  const messages = Array.from({ length: count }, (_, index) => {
    const seq = index + 1;
    const createdAt = new Date(begin + index * 60_000);
    return {
      _id: new ObjectId(),
      conversationId: _id,
      seq,
      senderId: senders[Math.floor(index / 3) % 2],
      text: textOf(seq),
      media: [],
      messageType: 'text',
      replyTo: null,
      deletedAt: null,
      createdAt,
      updatedAt: createdAt,
    };
  });
  for (let at = 0; at < count; at += 1_000) await db.collection('messages').insertMany(messages.slice(at, at + 1_000));
  const last = messages.at(-1)!;
  const { senderId, text, createdAt } = last;
  const lastMessage = {
    messageId: last._id,
    seq: count,
    senderId,
    text,
    messageType: 'text',
    createdAt,
    deletedAt: null,
  };
  await db
    .collection('conversations')
    .updateOne({ _id }, { $set: { seq: count, denseSeq: count, lastMessage, lastMessageAt: createdAt } });
  await db
    .collection('memberships')
    .updateMany({ conversationId: _id }, { $set: { deliveredSeq: count, readSeq: count } });
  await client.close();
}
