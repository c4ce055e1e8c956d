import { Pool } from 'undici';
import { openPairs, type Pair } from '../clients/conversations.ts';
import { holdOnline } from '../clients/online-users.ts';
import { stampedText } from '../clients/payload.ts';
import { JWT_SECRET, tokenOf } from '../clients/token.ts';
import { type Measurement, observe, totalCpu } from '../measure/measurement.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { starting } from '../run/cleanup.ts';
import { startPeer } from '../run/peer-process.ts';
import { type Stores, startApi } from '../run/services.ts';

const PAIRS = 100;
/** Requests at the same time. Source: enough to keep one process busy, few enough that nothing is refused. */
const AT_ONCE = 32;
/** Characters of a text. Source: with it a `new:message` is about 600 bytes. */
const TEXT = 230;

interface Target {
  pid: number;
  pool: Pool;
  pairs: readonly Pair[];
  tokens: Map<string, string>;
}

/** Sends `total` messages, `AT_ONCE` at a time. @throws Error if one is not taken */
async function sendAll({ pool, pairs, tokens }: Target, total: number): Promise<void> {
  let sent = 0;
  const lane = async () => {
    while (sent < total) {
      const { conversationId, from } = pairs[sent++ % pairs.length] as Pair;
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/api/chat/message',
        headers: { authorization: `Bearer ${tokens.get(from)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ conversationId, text: stampedText(performance.now(), TEXT), messageType: 'text' }),
      });
      const text = await body.text();
      if (statusCode !== 201) throw new Error(`a send was answered with ${statusCode}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function measure(target: Target, total: number): Promise<Measurement> {
  const run = await observe({ process: target.pid }, () => sendAll(target, total));
  return { ...run, lateMs: 0, value: total / totalCpu(run.cpu) };
}

function openRest(environment: Environment): Promise<Sides> {
  return starting(async (cleanup) => {
    const stores: Stores = {
      redisUrl: environment.redis.url,
      keyPrefix: `bench-rest-${process.pid}`,
      mongodbUrl: environment.mongo.url,
      database: `${environment.mongo.databases}rest`,
    };
    const api = cleanup.own(await startApi(stores), (service) => service.stop());
    const pairs = await openPairs(api.url, PAIRS);
    const users = pairs.flatMap(({ from, to }) => [from, to]);
    cleanup.own(await holdOnline(stores.redisUrl, stores.keyPrefix, users), (held) => held.close());
    const peer = cleanup.own(await startPeer('rest-bare', peerEnv(environment)), (p) => p.stop());
    const tokens = new Map(users.map((user) => [user, tokenOf(user)]));
    const pool = (url: string) => cleanup.own(new Pool(url, { connections: AT_ONCE }), (p) => p.destroy());
    const subject: Target = { pid: api.pid, pool: pool(api.url), pairs, tokens };
    const bare: Target = { pid: peer.pid, pool: pool(`http://127.0.0.1:${peer.port}`), pairs, tokens };
    // The first run of each side does not count. Source: with 2,500 both were half as fast as with 20,000, still being compiled.
    const total = environment.quick ? 2_500 : 10_000;
    return { subject: () => measure(subject, total), peer: () => measure(bare, total) };
  });
}

const peerEnv = ({ mongo }: Environment) => ({
  JWT_SECRET,
  MONGODB_URL: mongo.url,
  MONGODB_DATABASE: `${mongo.databases}rest_peer`,
});

export const restRows: Row[] = [
  {
    id: 'rest-send',
    group: 'rest',
    title:
      'send over REST per core, everything in (JWT, schema, limits, two writes, publish) / bare Fastify + JWT + insertOne',
    unit: 'messages/CPU s',
    goal: 0.6,
    better: 'higher',
    usesStore: true,
    open: openRest,
  },
];
