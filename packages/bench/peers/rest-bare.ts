/**
 * What a REST send costs at least: Fastify, JWT, a schema, one insertOne with majority; the answer deferred by one setImmediate,
 * because answers in bursts are cheaper. Environment: MONGODB_URL, MONGODB_DATABASE, JWT_SECRET.
 */
import type { AddressInfo } from 'node:net';
import jwt from '@fastify/jwt';
import fastify from 'fastify';
import { MongoClient } from 'mongodb';
import Type from 'typebox';

const { MONGODB_URL = '', MONGODB_DATABASE = 'peer', JWT_SECRET = '' } = process.env;
const client = await new MongoClient(MONGODB_URL, { retryWrites: false, maxPoolSize: 50 }).connect();
const messages = client.db(MONGODB_DATABASE).collection('messages', { writeConcern: { w: 'majority' } });

const app = fastify();
await app.register(jwt, { secret: JWT_SECRET });
app.addHook('onRequest', (request) => request.jwtVerify());

const Body = Type.Object(
  {
    conversationId: Type.String({ pattern: '^[0-9a-f]{24}$' }),
    text: Type.String({ minLength: 1, maxLength: 10_000 }),
    messageType: Type.Literal('text'),
    clientMessageId: Type.Optional(Type.String({ maxLength: 100 })),
  },
  { additionalProperties: false },
);

app.post('/api/chat/message', { schema: { body: Body } }, async (request, reply) => {
  const body = request.body as Type.Static<typeof Body>;
  const { sub } = request.user as { sub: string };
  const now = new Date();
  const message = { ...body, senderId: sub, media: [], replyTo: null, deletedAt: null, createdAt: now, updatedAt: now };
  const { insertedId } = await messages.insertOne(message);
  await new Promise((resolve) => setImmediate(resolve));
  return reply.code(201).send({ success: true, data: { ...message, _id: insertedId } });
});

await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`listening on ${(app.server.address() as AddressInfo).port}`);
