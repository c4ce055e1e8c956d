import { setTimeout as sleep } from 'node:timers/promises';
import { STREAM_VERSION } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import { StockClient } from '../clients/stock-client.ts';
import { duration, megabytes, percentile } from '../figures.ts';
import { metricOf, type NamedService } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { deliveryLatencies } from './stream-entries.ts';

const CUT_MS = 10_000;
const HELD_BYTES = 2 * 1024 ** 2;
const P99_FACTOR = 1.1;
/**
 * An event of 100 KB, and how many come in one go, 20 times a second: 10 MB/s. Slower, and the system's buffers are not full before the
 * heartbeat finds the client gone, which would show nothing.
 */
const PAYLOAD = JSON.stringify({ message: { _id: '0'.repeat(24), seq: 0, text: 'x'.repeat(100_000) } });
const BURST = 5;
const BURST_MS = 50;
/** The system's buffers take some megabytes first: then the gateway begins to hold. */
const GIVE_UP_MS = 60_000;

export const slowClient: FaultRow = {
  id: 25,
  name: 'slow client',
  injection:
    'a socket stops reading while 10 MB/s of events come for it; before that the same flood with the client reading',
  bar: 'cut within 10 s; at most 2 MB held; others’ p99 within 10%',
  times: { full: 5, short: 1 },
  load: { rate: 20 },
  async run(trial) {
    const cuts: number[] = [];
    const helds: number[] = [];
    const before: number[] = [];
    const during: number[] = [];
    for (let round = 0; round < trial.times; round++) {
      const result = await slowOnce(trial, round);
      cuts.push(result.cutMs);
      helds.push(result.held);
      before.push(...result.before);
      during.push(...result.during);
    }
    const [p99before, p99during] = [percentile(before, 0.99), percentile(during, 0.99)];
    const problems: string[] = [];
    if (Math.max(...cuts) > CUT_MS) problems.push(`cut only after ${duration(Math.max(...cuts))}`);
    if (Math.max(...helds) > HELD_BYTES) problems.push(`${megabytes(Math.max(...helds))} were held`);
    if (p99during > p99before * P99_FACTOR)
      problems.push(`p99 of the others rose by ${Math.round((p99during / p99before - 1) * 100)}%`);
    const figure = `cut ${duration(Math.max(...cuts))} after the gateway began to hold bytes; at most ${megabytes(Math.max(...helds))} held; p99 of the others ${duration(p99before)} before, ${duration(p99during)} meanwhile`;
    return { injected: trial.times, figure, problems };
  },
};

async function slowOnce({ rig, load }: Trial, round: number) {
  const gateway = rig.services.find(({ kind }) => kind === 'gateway') as NamedService;
  const victim = `slow-${round}`;
  const client = new StockClient({
    userId: victim,
    caller: rig.caller(victim),
    conversations: [],
    socketUrl: gateway.process.url,
    reconnect: false,
  });
  await client.opened();
  const flood = startFlood(rig, gateway, victim);
  try {
    await sleep(1_000);
    const calmFrom = performance.now();
    await sleep(6_000);
    const before = deliveryLatencies(load, calmFrom);
    const slowFrom = performance.now();
    stopReading(client);
    const { cutMs, held } = await untilCut(gateway);
    const during = deliveryLatencies(load, slowFrom);
    return { cutMs, held, before, during };
  } finally {
    await flood.stop();
    client.close();
  }
}

/** Writes events for one user into the inbox of their gateway, as an api does: their making does not burden the others. */
function startFlood({ redisClient }: Trial['rig'], { name }: NamedService, userId: string) {
  let running = true;
  const loop = async () => {
    const [inbox = ''] = await redisClient.keys(`confab:inbox:{${name}.*`);
    const meta = { v: STREAM_VERSION, at: Date.now(), traceId: 'flood', event: 'new:message', to: [userId] };
    for (let count = 0; running; count += BURST) {
      const burst = redisClient.pipeline();
      for (let i = 0; i < BURST; i++) {
        const fields = ['m', JSON.stringify({ ...meta, id: `flood-${count + i}` }), 'p', PAYLOAD];
        burst.xadd(inbox, 'NOMKSTREAM', 'MAXLEN', '~', 200, '1-*', ...fields);
      }
      await burst.exec();
      await sleep(BURST_MS);
    }
  };
  const flooding = loop();
  return {
    async stop() {
      running = false;
      await flooding;
    },
  };
}

/** The operating system goes on to take bytes until its buffers are full: as with a phone that lost its network. */
function stopReading(client: StockClient): void {
  const { transport } = client.socket.io.engine as unknown as { transport: { ws: { _socket: { pause(): void } } } };
  transport.ws._socket.pause();
}

/** @returns milliseconds from the first bytes held to the cut, and how many were held at most */
async function untilCut(gateway: NamedService): Promise<{ cutMs: number; held: number }> {
  const ended = () => metricOf(gateway, 'confab_gateway_sessions_ended_total{code="SLOW_CONSUMER"').catch(() => 0);
  const before = await ended();
  const startedAt = performance.now();
  let heldSince: number | undefined;
  let held = 0;
  await eventually(
    async () => {
      const bytes = await metricOf(gateway, 'confab_gateway_held_bytes');
      held = Math.max(held, bytes);
      if (bytes > 0) heldSince ??= performance.now();
      return (await ended()) > before;
    },
    GIVE_UP_MS,
    20,
  );
  return { cutMs: performance.now() - (heldSince ?? startedAt), held };
}
