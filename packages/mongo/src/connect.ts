import type { ChatStore } from '@confab/chat';
import { type Db, MongoClient } from 'mongodb';
import { collectionsOf, ensureIndexes } from './collections.ts';
import { createConversationRepository } from './conversation-repository.ts';
import { guarded } from './failures.ts';
import { createMediaRepository } from './media-repository.ts';
import { createMembershipRepository } from './membership-repository.ts';
import { createMessageRepository } from './message-repository.ts';
import { watchPrimary } from './primary-changes.ts';
import { createUserRepository } from './user-repository.ts';

export interface MongoOptions {
  url: string;
  database: string;
  /** Connections at most. Source: one api process does not gain beyond 50 on the servers measured. */
  poolSize?: number;
  /** Milliseconds to wait for a connection or a server, and then for an answer, together. Source: a send must be answered within 5 s. */
  timeoutMs?: number;
}

export interface MongoStore extends ChatStore {
  db: Db;
  /** Throws unless the server answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds that the creation of one index may take: on a large collection much longer than any query. */
const INDEX_BUILD_MS = 600_000;

/** By a connection of its own, which waits longer. */
async function prepareIndexes({ url, database }: MongoOptions, timeoutMs: number): Promise<void> {
  const client = new MongoClient(url, {
    maxPoolSize: 1,
    socketTimeoutMS: INDEX_BUILD_MS,
    serverSelectionTimeoutMS: timeoutMs,
    connectTimeoutMS: timeoutMs,
    retryWrites: false,
    appName: 'confab-indexes',
  });
  try {
    await ensureIndexes(collectionsOf(client.db(database)));
  } finally {
    await client.close();
  }
}

/**
 * Connects, creates missing indexes and returns the repositories.
 * @throws if the server cannot be reached within `timeoutMs`
 */
export async function connectMongo(options: MongoOptions): Promise<MongoStore> {
  const timeoutMs = options.timeoutMs ?? 4_800;
  const client = new MongoClient(options.url, {
    maxPoolSize: options.poolSize ?? 50,
    // A queue for connections is overload: better told early than waited for.
    waitQueueTimeoutMS: timeoutMs * 0.4,
    socketTimeoutMS: timeoutMs * 0.6,
    serverSelectionTimeoutMS: timeoutMs * 0.4,
    connectTimeoutMS: timeoutMs * 0.4,
    // Not every compatible server has them, and every write of ours is made so that it can be repeated (see message-repository).
    retryWrites: false,
    // The same time once more would be too late: the caller is told, and tries again.
    retryReads: false,
    writeConcern: { w: 'majority' },
    ignoreUndefined: true,
    appName: 'confab',
  });
  const primary = watchPrimary(client);
  const db = client.db(options.database);
  const collections = collectionsOf(db);
  try {
    await client.connect();
    await prepareIndexes(options, timeoutMs);
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    db,
    conversations: createConversationRepository(collections),
    messages: createMessageRepository(collections, primary),
    memberships: createMembershipRepository(collections),
    users: createUserRepository(collections),
    media: createMediaRepository(collections),
    ping: () => guarded(async () => void (await db.command({ ping: 1 }))),
    close: () => client.close(),
  };
}
