import type { ChatStore } from '@confab/chat';
import { type Db, MongoClient } from 'mongodb';
import { collectionsOf, ensureIndexes } from './collections.ts';
import { createConversationRepository } from './conversation-repository.ts';
import { guarded } from './failures.ts';
import { createMediaRepository } from './media-repository.ts';
import { createMembershipRepository } from './membership-repository.ts';
import { createMessageRepository } from './message-repository.ts';
import { createUserRepository } from './user-repository.ts';

export interface MongoOptions {
  url: string;
  database: string;
  /** Connections at most. Source: one api process does not gain beyond 50 on the servers measured. */
  poolSize?: number;
  /** Milliseconds to wait for an answer, a connection or a server. Below the 5 s in which a send must be answered. */
  timeoutMs?: number;
}

export interface MongoStore extends ChatStore {
  db: Db;
  /** Throws unless the server answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects, creates missing indexes and returns the repositories.
 * @throws if the server cannot be reached within `timeoutMs`
 */
export async function connectMongo(options: MongoOptions): Promise<MongoStore> {
  const timeoutMs = options.timeoutMs ?? 4_000;
  const client = new MongoClient(options.url, {
    maxPoolSize: options.poolSize ?? 50,
    // A queue for connections is overload: better told after half the time than waited for.
    waitQueueTimeoutMS: timeoutMs / 2,
    socketTimeoutMS: timeoutMs,
    serverSelectionTimeoutMS: timeoutMs / 2,
    connectTimeoutMS: timeoutMs / 2,
    // Not every compatible server has them, and every write of ours is made so that it can be repeated (see message-repository).
    retryWrites: false,
    writeConcern: { w: 'majority' },
    ignoreUndefined: true,
    appName: 'confab',
  });
  const db = client.db(options.database);
  const collections = collectionsOf(db);
  try {
    await client.connect();
    await ensureIndexes(collections);
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    db,
    conversations: createConversationRepository(collections),
    messages: createMessageRepository(collections),
    memberships: createMembershipRepository(collections),
    users: createUserRepository(collections),
    media: createMediaRepository(collections),
    ping: () => guarded(async () => void (await db.command({ ping: 1 }))),
    close: () => client.close(),
  };
}
