import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import {
  type ChatContext,
  checkUpload,
  createPublishedMarks,
  createUpload,
  type MediaPolicy,
  type MediaStorage,
  type OutboundEvent,
  sendMessage,
} from '@confab/chat';
import type { SendMessageBody } from '@confab/contracts';
import { createMemoryBus } from '@confab/memory';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { tempDir, testMongo } from '@confab/testkit';
import { ObjectId } from 'mongodb';
import sharp from 'sharp';
import { createInspector, createLocalStorage, type LocalStorage } from '../src/index.ts';

export interface MediaFixture {
  ctx: ChatContext & { published: ReturnType<typeof createPublishedMarks> };
  store: MongoStore;
  storage: LocalStorage;
  policy: MediaPolicy;
  clock: { now(): number; advance(ms: number): void };
  events: OutboundEvent[];
  conversationId: string;
  /** Names of everything that is on the disk. */
  files(): Promise<string[]>;
  /** A ticket for a picture, and its bytes uploaded; not checked yet. */
  upload(userId?: string, side?: number): Promise<string>;
  /** The same, checked. */
  ready(userId?: string, side?: number): Promise<string>;
  send(mediaId: string, more?: Partial<SendMessageBody>): ReturnType<typeof sendMessage>;
  close(): Promise<void>;
}

const POLICY: MediaPolicy = {
  maxBytes: { image: 1_000_000, video: 1_000_000, audio: 1_000_000, file: 1_000_000 },
  types: { image: ['image/png'], video: [], audio: [], file: ['text/plain'] },
  ticketsPerMinute: 10,
  dailyFiles: 100,
  dailyBytes: 10_000_000,
  userBytes: 10_000_000,
  ticketSeconds: 900,
  linkSeconds: 900,
  unusedHours: 24,
};

/** The domain over the real store and a real folder, with a clock that tests move. */
export async function startMediaFixture(
  wrap = (storage: MediaStorage): MediaStorage => storage,
): Promise<MediaFixture> {
  const mongo = await testMongo();
  const [store, folder] = await Promise.all([
    connectMongo({ url: mongo.url, database: mongo.dbName() }),
    tempDir('media'),
  ]);
  let offset = 0;
  const clock = {
    now: () => Date.now() + offset,
    advance(ms: number) {
      offset += ms;
    },
  };
  const policy = { ...POLICY };
  const secret = 'a secret of the tests, long enough';
  const storage = createLocalStorage({
    folder: folder.path,
    secret,
    publicUrl: () => 'http://chat.example',
    now: clock.now,
  });
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const events: OutboundEvent[] = [];
  const { conversation } = await store.conversations.createDirect(['alice', 'bob'], new Date());
  const conversationId = conversation.id;

  const ctx: MediaFixture['ctx'] = {
    store,
    publisher: {
      async publish(event) {
        events.push(event);
        return { instances: 1 };
      },
    },
    feed: { append: async () => {} },
    receipts: { append: async () => {} },
    presence: { instancesOf: async () => new Map(), onlineAmong: async () => new Set() },
    limiter: createMemoryBus().api.limiter,
    settings: { messagesPerMinute: 1_000, conversationsPerHour: 10, requireKnownUsers: false },
    media: { storage: wrap(storage), inspector: createInspector({ maxPixels: 1_000_000 }), policy },
    clock,
    ids: { objectId: () => new ObjectId().toHexString(), token: () => randomUUID() },
    log,
    published: createPublishedMarks(store.messages, log),
  };

  const upload = async (userId = 'alice', side = 40) => {
    const create = { width: side, height: side, channels: 3, background: 'teal' } as const;
    const bytes = await sharp({ create }).png().toBuffer();
    const body = { filename: 'p.png', contentType: 'image/png', size: bytes.length, conversationId };
    const { mediaId, uploadUrl } = await createUpload(ctx, { userId, body });
    const query = Object.fromEntries(new URL(uploadUrl).searchParams);
    await storage.receive(storage.openTicket(mediaId, query), chunks(bytes));
    return mediaId;
  };
  return {
    ctx,
    store,
    storage,
    policy,
    clock,
    events,
    conversationId,
    files: async () =>
      (await readdir(folder.path, { recursive: true, withFileTypes: true }))
        .filter((f) => f.isFile())
        .map((f) => f.name),
    upload,
    ready: async (userId, side) => {
      const mediaId = await upload(userId, side);
      const media = await store.media.findById(mediaId);
      if (media) await checkUpload(ctx, media);
      return mediaId;
    },
    send: (mediaId, more = {}) =>
      sendMessage(ctx, {
        senderId: 'alice',
        traceId: 't',
        body: { conversationId, media: [{ mediaId, type: 'image' }], ...more },
      }),
    async close() {
      await ctx.published.drain();
      await store.db.dropDatabase();
      await store.close();
      await folder.remove();
    },
  };
}

export async function* chunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
