import type { ApiBus } from '@confab/chat';
import { Redis } from 'ioredis';
import { Arrivals } from '../clients/arrivals.ts';
import { closeAll, connectChatClient, connectMany } from '../clients/chat-client.ts';
import { conversationIdOf, messagePayload } from '../clients/payload.ts';
import { connectRawClient } from '../clients/raw-client.ts';
import { tokenOf } from '../clients/token.ts';
import { starting } from '../run/cleanup.ts';
import { openPublisher, startGateway } from '../run/gateway-side.ts';
import { startPeer } from '../run/peer-process.ts';

/** Something that takes messages from Redis and gives them to sockets. */
export interface PushSide {
  pid: number;
  arrivals: Arrivals;
  signal(signal: NodeJS.Signals): void;
  /** Publishes one message; to one of the users, or to all of them. */
  publish(index: number): Promise<unknown>;
  close(): Promise<void>;
}

export interface PushSideOptions {
  redisUrl: string;
  users: number;
  pattern: 'single' | 'broadcast';
  /** The peer looks something up in Redis before it publishes, as the api does to find the gateways: for rows about the way of a message. */
  lookUpFirst?: boolean;
}

/** The gateway, alone with Redis: messages come from the api's publisher. */
export function openGatewaySide({ redisUrl, users, pattern }: PushSideOptions): Promise<PushSide> {
  return starting(async (cleanup) => {
    const keyPrefix = `bench-${pattern}-${process.pid}`;
    const gateway = cleanup.own(await startGateway({ redisUrl, keyPrefix, id: 'g0' }), (g) => g.stop());
    const bus = cleanup.own(await openPublisher(redisUrl, keyPrefix), (b) => b.close());
    const arrivals = new Arrivals();
    const onEvent = (packet: string) => {
      if (packet.startsWith('42["new:message"')) arrivals.add();
    };
    const names = Array.from({ length: users }, (_, i) => `u${i}`);
    const connect = (i: number) => connectChatClient({ url: gateway.url, token: tokenOf(`u${i}`), onEvent });
    const clients = await connectMany(users, connect);
    cleanup.own(clients, closeAll);
    return {
      pid: gateway.pid,
      arrivals,
      signal: (signal) => gateway.signal(signal),
      publish: (index) => publishTo(bus, index, pattern === 'single' ? [`u${index % users}`] : names),
    };
  });
}

function publishTo(bus: ApiBus, index: number, recipients: string[]): Promise<unknown> {
  const conversationId = conversationIdOf(index % 1_000);
  return bus.publisher.publish(
    {
      event: 'new:message',
      payload: messagePayload(conversationId, index + 1),
      traceId: 'bench',
      conversationId,
      messageId: conversationIdOf(index),
      senderId: 'sender',
      seq: index + 1,
    },
    recipients,
  );
}

/** Trims itself as inboxes do. */
const STREAM_LENGTH = 10_000;

/** The raw pass-through on the same Redis. */
export function openRawSide({ redisUrl, users, pattern, lookUpFirst }: PushSideOptions): Promise<PushSide> {
  return starting(async (cleanup) => {
    const stream = `bench-raw-${pattern}-${process.pid}`;
    const env = { REDIS_URL: redisUrl, STREAM: stream, MODE: pattern };
    const peer = cleanup.own(await startPeer('ws-pass-through', env), (p) => p.stop());
    const redis = cleanup.own(new Redis(redisUrl, { enableAutoPipelining: true }), (r) => r.disconnect());
    const arrivals = new Arrivals();
    const room = (i: number) => (pattern === 'single' ? `u${i}` : 'everybody');
    const clients = await connectMany(users, (i) => connectRawClient(peer.port, room(i), () => arrivals.add()));
    cleanup.own(clients, closeAll);
    return {
      pid: peer.pid,
      arrivals,
      signal: (signal) => peer.signal(signal),
      publish: async (index) => {
        if (lookUpFirst) await redis.smembers(room(index % users));
        const packet = `42["new:message",${messagePayload(conversationIdOf(index % 1_000), index + 1)}]`;
        return redis.xadd(stream, 'MAXLEN', '~', STREAM_LENGTH, '*', 'to', room(index % users), 'p', packet);
      },
    };
  });
}
