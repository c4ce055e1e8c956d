import { setTimeout as sleep } from 'node:timers/promises';
import type { Measurement } from '../measure/measurement.ts';
import { observe, totalCpu } from '../measure/measurement.ts';
import { pace } from '../measure/pace.ts';
import type { Measure } from '../measure/pairs.ts';
import { median } from '../measure/statistics.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { openGatewaySide, openRawSide, type PushSide, type PushSideOptions } from './gateway-sides.ts';

/** Milliseconds for what is waiting to arrive. */
const DEADLINE_MS = 30_000;

interface BacklogPlan extends Omit<PushSideOptions, 'redisUrl'> {
  /** Messages that wait while the process is stopped; an inbox keeps 10,000. */
  messages: number;
  rounds: number;
}

/**
 * Lets messages pile up in the stream while the process is stopped, and lets it go: what it then pushes per CPU second is what one
 * core can do.
 */
async function backlog(side: PushSide, plan: BacklogPlan): Promise<Measurement> {
  const cpu: Record<string, number> = { process: 0 };
  const whole = await observe({}, async () => {
    for (let round = 0; round < plan.rounds; round++) {
      const expected = side.arrivals.count + deliveries(plan);
      await whileStopped(side, () => publishAll(side, plan.messages, AT_ONCE[plan.pattern]));
      const run = await observe({ process: side.pid }, () => {
        side.signal('SIGCONT');
        return side.arrivals.reach(expected, DEADLINE_MS);
      });
      cpu.process = (cpu.process as number) + totalCpu(run.cpu);
    }
  });
  return { ...whole, cpu, lateMs: 0, value: (deliveries(plan) * plan.rounds) / totalCpu(cpu) };
}

/** Messages on their way to Redis at the same time (each looks up all of its recipients): more would wait longer than a command may take. */
const AT_ONCE = { single: 400, broadcast: 20 };

async function publishAll(side: PushSide, messages: number, atOnce: number): Promise<void> {
  for (let from = 0; from < messages; from += atOnce) {
    const size = Math.min(atOnce, messages - from);
    await Promise.all(Array.from({ length: size }, (_, i) => side.publish(from + i)));
  }
}

/** Stops the process and does the work. It stays stopped, unless the work fails: then nobody else would let it go. */
async function whileStopped(side: PushSide, work: () => Promise<void>): Promise<void> {
  side.signal('SIGSTOP');
  try {
    await work();
  } catch (error) {
    side.signal('SIGCONT');
    throw error;
  }
}

const deliveries = ({ messages, users, pattern }: BacklogPlan) => messages * (pattern === 'broadcast' ? users : 1);

async function openBoth(environment: Environment, options: Omit<PushSideOptions, 'redisUrl'>) {
  const redisUrl = environment.redis.url;
  const subject = await openGatewaySide({ redisUrl, ...options });
  const peer = await openRawSide({ redisUrl, ...options });
  const close = async () => {
    await subject.close();
    await peer.close();
  };
  return { subject, peer, close };
}

async function openBacklog(environment: Environment, plan: BacklogPlan): Promise<Sides> {
  const { subject, peer, close } = await openBoth(environment, plan);
  const measure =
    (side: PushSide): Measure =>
    () =>
      backlog(side, plan);
  return { subject: measure(subject), peer: measure(peer), close };
}

/** CPU microseconds per message at a fixed rate. */
async function offered(side: PushSide, perSecond: number, seconds: number): Promise<Measurement> {
  const total = perSecond * seconds;
  const run = await observe({ process: side.pid }, async () => {
    const expected = side.arrivals.count + total;
    const answers: Promise<unknown>[] = [];
    const lateMs = await pace(perSecond, total, (index) => answers.push(side.publish(index)));
    await Promise.all(answers);
    await side.arrivals.reach(expected, DEADLINE_MS);
    return lateMs;
  });
  return { ...run, lateMs: run.result, value: (totalCpu(run.cpu) * 1e6) / total };
}

async function openOffered(environment: Environment): Promise<Sides> {
  const { subject, peer, close } = await openBoth(environment, { users: 200, pattern: 'single' });
  // Source: of 4 s a gateway uses a third of a second, which is counted in hundredths, and part of which is still its start.
  const seconds = environment.quick ? 2 : 8;
  const measure =
    (side: PushSide): Measure =>
    () =>
      offered(side, 1_000, seconds);
  return { subject: measure(subject), peer: measure(peer), close };
}

const PER_SECOND_IDLE = 10;
/** Milliseconds that a message may take longer than over the raw pass-through, which writes each one at once. */
const ALLOWANCE_MS = 1;

/** Median of the way from publishing to the socket, milliseconds, one message at a time. */
async function wayAtIdle(side: PushSide, messages: number): Promise<Measurement> {
  const run = await observe({ process: side.pid }, async () => {
    const ways: number[] = [];
    for (let index = 0; index < messages; index++) {
      await sleep(1_000 / PER_SECOND_IDLE);
      const expected = side.arrivals.count + 1;
      const startedAt = performance.now();
      await side.publish(index);
      await side.arrivals.reach(expected, DEADLINE_MS);
      ways.push(side.arrivals.latestAt - startedAt);
    }
    return median(ways);
  });
  return { ...run, lateMs: 0, value: run.result };
}

async function openIdle(environment: Environment): Promise<Sides> {
  const { subject, peer, close } = await openBoth(environment, { users: 20, pattern: 'single', lookUpFirst: true });
  const messages = environment.quick ? 20 : 50;
  const allowed = async () => {
    const bare = await wayAtIdle(peer, messages);
    return { ...bare, value: bare.value + ALLOWANCE_MS };
  };
  return { subject: () => wayAtIdle(subject, messages), peer: allowed, close };
}

export const gatewayRows: Row[] = [
  {
    id: 'gateway-backlog',
    group: 'gateway',
    title: 'gateway: messages pushed per core, stream to socket, 1:1, backlog / raw ws pass-through',
    unit: 'messages/CPU s',
    goal: 0.6,
    better: 'higher',
    usesStore: false,
    open: (env) => openBacklog(env, { users: 200, pattern: 'single', messages: 8_000, rounds: env.quick ? 1 : 3 }),
  },
  {
    id: 'gateway-offered',
    group: 'gateway',
    title: 'the same at 1,000 messages/s offered: CPU per message / raw ws pass-through',
    unit: 'CPU µs/message',
    goal: 1.2,
    better: 'lower',
    usesStore: false,
    open: openOffered,
  },
  {
    id: 'gateway-group',
    group: 'gateway',
    title: 'group of 100 online members: deliveries per core / raw ws pre-encoded broadcast',
    unit: 'deliveries/CPU s',
    goal: 0.8,
    better: 'higher',
    usesStore: false,
    open: (env) => openBacklog(env, { users: 100, pattern: 'broadcast', messages: 400, rounds: env.quick ? 1 : 4 }),
  },
  {
    id: 'gateway-idle',
    group: 'gateway',
    title:
      'way of a message, publisher to socket, p50 at 10 messages/s / raw ws pass-through, each message at once, and 1 ms',
    unit: 'ms',
    goal: 1,
    better: 'lower',
    usesStore: false,
    open: openIdle,
  },
];
