import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { Arrivals } from '../clients/arrivals.ts';
import { closeAll, connectChatClient, connectMany } from '../clients/chat-client.ts';
import { conversationIdOf, messagePayload } from '../clients/payload.ts';
import { JWT_SECRET, tokenOf } from '../clients/token.ts';
import { type Measurement, observe, totalCpu } from '../measure/measurement.ts';
import { pace } from '../measure/pace.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { starting } from '../run/cleanup.ts';
import { openPublisher, startGateway } from '../run/gateway-side.ts';
import { startPeer } from '../run/peer-process.ts';

/** Several gateways (or monoliths) that share one Redis, with users on some of them. */
interface Fleet {
  /** Those without a recipient. */
  idlePids: Record<string, number>;
  arrivals: Arrivals;
  publish(index: number): unknown;
  close(): Promise<void>;
}

const USERS = 32;
const DEADLINE_MS = 15_000;

interface FleetPlan {
  processes: number;
  /** Processes that hold users; the others hold nobody who gets anything. */
  withUsers: number;
  /** Users that one message goes to. */
  recipients: number;
}

/** The recipients of a message: neighbours, and so on different processes where there are several. */
const recipientsOf = (index: number, { recipients }: FleetPlan): string[] =>
  Array.from({ length: recipients }, (_, i) => `u${(index + i) % USERS}`);

async function connectUsers(urls: readonly string[], arrivals: Arrivals) {
  const onEvent = (packet: string) => {
    if (packet.startsWith('42["new:message"')) arrivals.add();
  };
  const clients = await connectMany(USERS, (i) =>
    connectChatClient({ url: urls[i % urls.length] as string, token: tokenOf(`u${i}`), onEvent }),
  );
  return { close: () => closeAll(clients) };
}

function openGateways({ redis }: Environment, plan: FleetPlan): Promise<Fleet> {
  return starting(async (cleanup) => {
    const keyPrefix = `bench-fleet-${plan.processes}-${plan.withUsers}-${process.pid}`;
    const start = async (i: number) =>
      cleanup.own(await startGateway({ redisUrl: redis.url, keyPrefix, id: `g${i}` }), (g) => g.stop());
    const gateways = await Promise.all(Array.from({ length: plan.processes }, (_, i) => start(i)));
    const bus = cleanup.own(await openPublisher(redis.url, keyPrefix), (b) => b.close());
    const arrivals = new Arrivals();
    const urls = gateways.slice(0, plan.withUsers).map((gateway) => gateway.url);
    cleanup.own(await connectUsers(urls, arrivals), (users) => users.close());
    return {
      idlePids: Object.fromEntries(gateways.slice(plan.withUsers).map(({ pid }, i) => [`extra${i}`, pid])),
      arrivals,
      publish: (index) => {
        const conversationId = conversationIdOf(index % 1_000);
        const payload = messagePayload(conversationId, index + 1);
        // Without a sender no receipts are written: what a message costs until it is pushed is what is measured.
        const event = { event: 'new:message', payload, traceId: 'bench', conversationId, seq: index + 1 } as const;
        return bus.publisher.publish(event, recipientsOf(index, plan));
      },
    };
  });
}

/** The same with the redis-adapter; messages come from one more process that has the adapter. */
function openAdapters({ redis }: Environment, plan: FleetPlan): Promise<Fleet> {
  return starting(async (cleanup) => {
    const key = `bench-adapters-${plan.processes}-${plan.withUsers}-${process.pid}`;
    const env = { REDIS_URL: redis.url, KEY: key, JWT_SECRET };
    const start = async () => cleanup.own(await startPeer('monolith', env), (p) => p.stop());
    const peers = await Promise.all(Array.from({ length: plan.processes }, start));
    const publishing = cleanup.own(new Redis(redis.url, { enableAutoPipelining: true }), (r) => r.disconnect());
    const subscribing = cleanup.own(publishing.duplicate(), (r) => r.disconnect());
    // It has no port and no sockets: with its connections everything of it ends.
    const io = new Server({ adapter: createAdapter(publishing, subscribing, { key }) });
    const arrivals = new Arrivals();
    const urls = peers.slice(0, plan.withUsers).map(({ port }) => `http://127.0.0.1:${port}`);
    cleanup.own(await connectUsers(urls, arrivals), (users) => users.close());
    return {
      idlePids: Object.fromEntries(peers.slice(plan.withUsers).map(({ pid }, i) => [`extra${i}`, pid])),
      arrivals,
      publish: (index) => {
        const message: unknown = JSON.parse(messagePayload(conversationIdOf(index % 1_000), index + 1));
        io.to(recipientsOf(index, plan).map((user) => `user:${user}`)).emit('new:message', message);
      },
    };
  });
}

/** Publishes at a rate and waits for all arrivals. @returns how late the generator was, milliseconds */
async function publishAll(fleet: Fleet, plan: FleetPlan, perSecond: number, total: number): Promise<number> {
  const expected = fleet.arrivals.count + total * plan.recipients;
  const answers: unknown[] = [];
  const lateMs = await pace(perSecond, total, (index) => answers.push(fleet.publish(index)));
  await Promise.all(answers);
  await fleet.arrivals.reach(expected, DEADLINE_MS);
  return lateMs;
}

const EXTRA: FleetPlan = { processes: 4, withUsers: 1, recipients: 1 };

/** CPU microseconds that a message costs each process that has nothing to do with it, above what it costs to be idle. */
async function extraCost(fleet: Fleet, perSecond: number, seconds: number): Promise<Measurement> {
  const total = perSecond * seconds;
  const run = await observe(fleet.idlePids, () => publishAll(fleet, EXTRA, perSecond, total));
  const idle = await observe(fleet.idlePids, () => sleep(run.wallMs));
  const extra = totalCpu(run.cpu) - totalCpu(idle.cpu);
  const value = (extra * 1e6) / total / Object.keys(fleet.idlePids).length;
  return { ...run, lateMs: run.result, stolen: Math.max(run.stolen, idle.stolen), value };
}

async function openExtra(environment: Environment): Promise<Sides> {
  const gateways = await openGateways(environment, EXTRA);
  const adapters = await openAdapters(environment, EXTRA);
  const seconds = environment.quick ? 1 : 5;
  return {
    subject: () => extraCost(gateways, 1_000, seconds),
    peer: () => extraCost(adapters, 1_000, seconds),
    close: async () => {
      await gateways.close();
      await adapters.close();
    },
  };
}

/** CPU seconds that Redis has used, to the microsecond. */
async function redisCpu(client: Redis): Promise<number> {
  const info = await client.info('cpu');
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  return field('used_cpu_user') + field('used_cpu_sys');
}

/** CPU microseconds of Redis per message. */
async function redisCost(redis: Redis, fleet: Fleet, plan: FleetPlan, environment: Environment): Promise<Measurement> {
  const perSecond = 1_000;
  const total = perSecond * (environment.quick ? 1 : 4);
  const before = await redisCpu(redis);
  const run = await observe({}, () => publishAll(fleet, plan, perSecond, total));
  const cpu = (await redisCpu(redis)) - before;
  return { ...run, lateMs: run.result, cpu: { redis: cpu }, value: (cpu * 1e6) / total };
}

function openRedisCost(environment: Environment): Promise<Sides> {
  return starting(async (cleanup) => {
    const redis = cleanup.own(new Redis(environment.redis.url), (r) => r.disconnect());
    const side = async (gateways: number) => {
      const plan: FleetPlan = { processes: gateways, withUsers: gateways, recipients: 2 };
      const fleet = cleanup.own(await openGateways(environment, plan), (f) => f.close());
      return () => redisCost(redis, fleet, plan, environment);
    };
    return { subject: await side(8), peer: await side(2) };
  });
}

const common = { group: 'scale', usesStore: false, better: 'lower' } as const;

export const scaleRows: Row[] = [
  {
    ...common,
    id: 'scale-extra-gateway',
    title: "CPU per message per extra gateway that holds no recipient / redis-adapter's",
    unit: 'CPU µs/message',
    goal: 0.05,
    open: openExtra,
  },
  {
    ...common,
    id: 'scale-redis',
    title: 'Redis CPU per message with 8 gateways / with 2',
    unit: 'CPU µs/message',
    goal: 1.1,
    open: openRedisCost,
  },
];
