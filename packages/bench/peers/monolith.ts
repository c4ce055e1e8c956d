/**
 * What people build from tutorials: one Socket.IO server with everything in it, several of which share rooms through a Redis
 * adapter, and one insertOne per message. Environment: REDIS_URL, JWT_SECRET, ADAPTER (`redis`, `streams` or `sharded`), KEY; with
 * MONGODB_URL and MONGODB_DATABASE it stores messages, without it only passes them on.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { createVerifier } from 'fast-jwt';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { Server } from 'socket.io';

const { REDIS_URL = '', JWT_SECRET = '', ADAPTER = 'redis', KEY = 'peer', MONGODB_URL, MONGODB_DATABASE } = process.env;

const redis = new Redis(REDIS_URL);
const adapters = {
  redis: () => createAdapter(redis, redis.duplicate(), { key: KEY }),
  sharded: () => createShardedAdapter(redis, redis.duplicate(), { channelPrefix: KEY }),
  streams: () => createStreamsAdapter(redis, { streamName: KEY }),
};
const mongo = MONGODB_URL
  ? await new MongoClient(MONGODB_URL, { retryWrites: false, maxPoolSize: 50 }).connect()
  : null;
const messages = mongo?.db(MONGODB_DATABASE ?? 'peer').collection('messages', { writeConcern: { w: 'majority' } });

const http = createServer();
const io = new Server(http, { adapter: adapters[ADAPTER as keyof typeof adapters]() });
const verify = createVerifier({ key: JWT_SECRET });
io.use((socket, next) => {
  try {
    socket.data.userId = (verify(socket.handshake.auth.token as string) as { sub: string }).sub;
    next();
  } catch (error) {
    next(error as Error);
  }
});

interface Send {
  conversationId: string;
  text: string;
  /** Tutorials join a room per user and send to both. */
  to: string;
}

io.on('connection', (socket) => {
  const userId = socket.data.userId as string;
  socket.join(`user:${userId}`);
  socket.on('send:message', async ({ conversationId, text, to }: Send) => {
    const now = new Date();
    const message = { conversationId, text, senderId: userId, messageType: 'text', status: 'sent', createdAt: now };
    const stored = await messages?.insertOne({ ...message });
    const shown = { ...message, _id: stored?.insertedId.toHexString() ?? String(now.getTime()) };
    io.to([`user:${to}`, `user:${userId}`]).emit('new:message', { message: shown });
  });
});

http.listen(0, '127.0.0.1', () => console.log(`listening on ${(http.address() as AddressInfo).port}`));
