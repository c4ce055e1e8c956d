import { type ChatClient, connectChatClient, connectMany } from '../clients/chat-client.ts';
import { openPairs, type Pair } from '../clients/conversations.ts';
import { stampIn } from '../clients/payload.ts';
import { JWT_SECRET, tokenOf } from '../clients/token.ts';
import type { Environment } from '../row.ts';
import { starting } from '../run/cleanup.ts';
import { startGateway } from '../run/gateway-side.ts';
import { startPeer } from '../run/peer-process.ts';
import { type Stores, startApi, startReceipts } from '../run/services.ts';

export const CHAT_PAIRS = 100;
/** Processes of either side: an api, two gateways and a worker; or as many monoliths. */
const PROCESSES = 4;

/** A whole system with pairs of people whose sender and receiver are on different processes. */
export interface ChatSide {
  pids: Record<string, number>;
  /** Milliseconds from when a message was due to be sent until the other one had it. */
  latencies: number[];
  send(index: number, text: string): void;
  close(): Promise<void>;
}

export function openConfab(environment: Environment): Promise<ChatSide> {
  return starting(async (cleanup) => {
    const stores: Stores = {
      redisUrl: environment.redis.url,
      keyPrefix: `bench-e2e-${process.pid}`,
      mongodbUrl: environment.mongo.url,
      database: `${environment.mongo.databases}e2e`,
    };
    const api = cleanup.own(await startApi(stores), (service) => service.stop());
    const receipts = cleanup.own(await startReceipts(stores), (service) => service.stop());
    const gateway = async (id: string) =>
      cleanup.own(await startGateway({ ...stores, id, apiUrl: api.url }), (g) => g.stop());
    const gateways = [await gateway('g0'), await gateway('g1')] as const;
    const pairs = await openPairs(api.url, CHAT_PAIRS);
    const people = await connectPeople(pairs, (i) => [gateways[i % 2]?.url ?? '', gateways[(i + 1) % 2]?.url ?? '']);
    cleanup.own(people, (p) => p.close());
    return {
      pids: { api: api.pid, receipts: receipts.pid, gateway0: gateways[0].pid, gateway1: gateways[1].pid },
      latencies: people.latencies,
      send(index, text) {
        const { conversationId } = pairs[index % CHAT_PAIRS] as Pair;
        people.senders[index % CHAT_PAIRS]?.emit('send:message', { conversationId, text, messageType: 'text' });
      },
    };
  });
}

export function openMonoliths(environment: Environment): Promise<ChatSide> {
  return starting(async (cleanup) => {
    const env = {
      REDIS_URL: environment.redis.url,
      KEY: `bench-monolith-${process.pid}`,
      JWT_SECRET,
      MONGODB_URL: environment.mongo.url,
      MONGODB_DATABASE: `${environment.mongo.databases}monolith`,
    };
    const start = async () => cleanup.own(await startPeer('monolith', env), (p) => p.stop());
    const peers = await Promise.all(Array.from({ length: PROCESSES }, start));
    const url = (i: number) => `http://127.0.0.1:${peers[i % PROCESSES]?.port}`;
    const pairs = Array.from({ length: CHAT_PAIRS }, (_, i) => ({
      conversationId: i.toString(16).padStart(24, '0'),
      from: `a${i}`,
      to: `b${i}`,
    }));
    const people = cleanup.own(await connectPeople(pairs, (i) => [url(i), url(i + 1)]), (p) => p.close());
    return {
      pids: Object.fromEntries(peers.map(({ pid }, i) => [`monolith${i}`, pid])),
      latencies: people.latencies,
      send(index, text) {
        const { conversationId, to } = pairs[index % CHAT_PAIRS] as Pair;
        people.senders[index % CHAT_PAIRS]?.emit('send:message', { conversationId, text, to });
      },
    };
  });
}

async function connectPeople(pairs: readonly Pair[], urls: (index: number) => readonly [string, string]) {
  const latencies: number[] = [];
  const onArrival = (packet: string) => {
    if (!packet.startsWith('42["new:message"')) return;
    const sentAt = stampIn(packet);
    if (sentAt !== undefined) latencies.push(performance.now() - sentAt);
  };
  const connect = (end: 0 | 1, user: 'from' | 'to', onEvent: (packet: string) => void) =>
    connectMany(pairs.length, (i) => {
      const token = tokenOf((pairs[i] as Pair)[user]);
      return connectChatClient({ url: urls(i)[end], token, onEvent });
    });
  const receivers = await connect(1, 'to', onArrival);
  // Senders get their own messages too, on either side; only the other one's arrival counts.
  const senders: ChatClient[] = await connect(0, 'from', () => {});
  const close = () => {
    for (const client of [...senders, ...receivers]) client.close();
  };
  return { senders, latencies, close };
}
