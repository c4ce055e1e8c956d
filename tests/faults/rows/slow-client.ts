import { setTimeout as sleep } from 'node:timers/promises';
import { STREAM_VERSION } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import { StockClient } from '../clients/stock-client.ts';
import { duration, megabytes, worst } from '../figures.ts';
import { insist } from '../rest.ts';
import { metricOf, type NamedService } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { compareWindows, type WindowPair } from './compared-windows.ts';
import { deliveryLatencies } from './stream-entries.ts';

const CUT_MS = 10_000;
const HELD_BYTES = 2 * 1024 ** 2;
const P99_FACTOR = 1.1;
/** Deliveries on each side of the comparison, at least: fifty of them are above the p99. */
const SAMPLES = 5_000;

/** The others: all on the gateway of the slow client, one group, in which one sends at a steady rate. */
const OTHERS = 20;
const SEND_EVERY_MS = 50;
const WINDOW_MS = 5_000;
/** Milliseconds that a window is left to come to rest. */
const SETTLE_MS = 1_000;
/** Between two looks at the gateway's metrics, in either kind of window: they cost it time as well. */
const LOOK_MS = 50;
/**
 * An event of 100 KB, and how many come in one go, 20 times a second: 10 MB/s. Slower, and the system's buffers are not full before the
 * heartbeat finds the client gone, which would show nothing.
 */
const PAYLOAD = JSON.stringify({ message: { _id: '0'.repeat(24), seq: 0, text: 'x'.repeat(100_000) } });
const BURST = 5;
const BURST_MS = 50;
/** The system's buffers take some megabytes first: then the gateway begins to hold. */
const GIVE_UP_MS = 60_000;
const VICTIM = 'slow-one';
/** Held for all that read, in passing. */
const NOTHING_BYTES = 64 * 1_024;

export const slowClient: FaultRow = {
  id: 25,
  name: 'slow client',
  injection:
    'sockets, one after another, stop reading while 10 MB/s of events come for them; in turn with windows of the same flood with the client reading',
  bar: 'cut within 10 s; at most 2 MB held; others’ p99 within 10%',
  times: { full: 10, short: 4 },
  load: { rate: 5 },
  async run(trial) {
    const gateway = trial.rig.services.find(({ kind }) => kind === 'gateway') as NamedService;
    const others = await startOthers(trial, gateway);
    const flood = startFlood(trial.rig, gateway, VICTIM);
    const cuts: Cut[] = [];
    const pairs: WindowPair[] = [];
    try {
      await sleep(SETTLE_MS);
      for (let round = 0; round < trial.times; round++) {
        // in turn which comes first, so that neither kind is always the later one
        const kinds = round % 2 === 0 ? (['calm', 'faulty'] as const) : (['faulty', 'calm'] as const);
        const pair: WindowPair = { calm: [], faulty: [] };
        for (const kind of kinds) {
          pair[kind] = await others.during(() =>
            kind === 'calm' ? readingWindow(trial, gateway) : slowWindow(trial, gateway, cuts),
          );
        }
        pairs.push(pair);
      }
    } finally {
      await flood.stop();
      await others.stop();
    }
    return outcomeOf(cuts, pairs, trial);
  },
};

function outcomeOf(cuts: readonly Cut[], pairs: readonly WindowPair[], { say }: Trial) {
  const { samples, calmP99, faultyP99, ratio, interval } = compareWindows(pairs, 1);
  const cut = worst(cuts.map(({ cutMs }) => cutMs));
  const held = worst(cuts.map((one) => one.held));
  const problems: string[] = [];
  if (cut > CUT_MS) problems.push(`cut only after ${duration(cut)}`);
  if (held > HELD_BYTES) problems.push(`${megabytes(held)} were held`);
  if (samples < SAMPLES) problems.push(`only ${samples} deliveries on each side were measured`);
  if (ratio > P99_FACTOR) problems.push(`p99 of the others rose by ${Math.round((ratio - 1) * 100)}%`);
  const p99 = `p99 of the others ${calmP99.toFixed(0)} ms with the client reading, ${faultyP99.toFixed(0)} ms meanwhile, medians of ${pairs.length} windows`;
  const figure = `cut ${duration(cut)} after the gateway began to hold bytes; at most ${megabytes(held)} held; ${p99}: ${ratio.toFixed(2)} times (${interval.map((n) => n.toFixed(2)).join(' to ')}), ${samples} deliveries on each side`;
  say(figure);
  return { injected: cuts.length, figure, problems };
}

/** Those who must not notice. Their messages are in the ledger, and so are checked as all others. */
async function startOthers({ rig, load }: Trial, gateway: NamedService) {
  const members = Array.from({ length: OTHERS }, (_, i) => `other-${i}`);
  const [sender = '', ...participants] = members;
  const { data } = await insist(rig.caller(sender), 'POST', '/api/chat/conversations', { participants });
  const socketUrl = gateway.process.url;
  const devices = members.map(
    (userId) => new StockClient({ userId, caller: rig.caller(userId), conversations: [data._id], socketUrl }),
  );
  load.conversations.push({ id: data._id, members });
  load.devices.push(...devices);
  await Promise.all(devices.map((device) => device.opened()));
  const sends = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const send = load.sendByRest(sender, data._id, 'steady').finally(() => sends.delete(send));
    sends.add(send);
  }, SEND_EVERY_MS);
  return {
    /** @returns what their deliveries took that began in the window */
    async during(work: () => Promise<void>): Promise<number[]> {
      await sleep(SETTLE_MS);
      const from = performance.now();
      const done = work();
      await sleep(WINDOW_MS);
      const until = performance.now();
      await done;
      await sleep(SETTLE_MS);
      return deliveryLatencies({ ledger: load.ledger, devices }, from, until);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(sends);
    },
  };
}

async function connectVictim({ rig }: Trial, gateway: NamedService): Promise<StockClient> {
  const socketUrl = gateway.process.url;
  const caller = rig.caller(VICTIM);
  const client = new StockClient({ userId: VICTIM, caller, conversations: [], socketUrl, reconnect: false });
  await client.opened();
  return client;
}

/** The same flood and the same looks, and a client that takes everything; it is not parsed, which would burden the one who measures. */
async function readingWindow(trial: Trial, gateway: NamedService): Promise<void> {
  const client = await connectVictim(trial, gateway);
  const { ws } = transportOf(client);
  const { onmessage } = ws;
  ws.onmessage = (event) => {
    if (event.data.length < 1_000) onmessage(event);
  };
  try {
    const end = performance.now() + WINDOW_MS;
    while (performance.now() < end) {
      await lookAt(gateway);
      await sleep(LOOK_MS);
    }
  } finally {
    client.close();
  }
}

interface Cut {
  /** Milliseconds from the first bytes held to the cut. */
  cutMs: number;
  /** Bytes held at most. */
  held: number;
}

/** One that does not read after the other, for as long as the window lasts; the last one is waited for. */
async function slowWindow(trial: Trial, gateway: NamedService, cuts: Cut[]): Promise<void> {
  const end = performance.now() + WINDOW_MS;
  while (performance.now() < end) {
    // The metric is the sum of all: whoever was cut before is let go of first, which has a second.
    await eventually(async () => (await lookAt(gateway)).held < NOTHING_BYTES, GIVE_UP_MS, LOOK_MS);
    const client = await connectVictim(trial, gateway);
    // The operating system goes on to take bytes until its buffers are full: as with a phone that lost its network.
    transportOf(client).ws._socket.pause();
    try {
      cuts.push(await untilCut(gateway));
    } finally {
      client.close();
    }
  }
}

interface Transport {
  ws: { _socket: { pause(): void }; onmessage(event: { data: string | Buffer }): void };
}

const transportOf = (client: StockClient) => (client.socket.io.engine as unknown as { transport: Transport }).transport;

async function lookAt(gateway: NamedService): Promise<{ held: number; ended: number }> {
  const [held, ended] = await Promise.all([
    metricOf(gateway, 'confab_gateway_held_bytes'),
    metricOf(gateway, 'confab_gateway_sessions_ended_total{code="SLOW_CONSUMER"').catch(() => 0),
  ]);
  return { held, ended };
}

async function untilCut(gateway: NamedService): Promise<Cut> {
  const before = (await lookAt(gateway)).ended;
  const startedAt = performance.now();
  let heldSince: number | undefined;
  let most = 0;
  await eventually(
    async () => {
      const { held, ended } = await lookAt(gateway);
      most = Math.max(most, held);
      if (held > 0) heldSince ??= performance.now();
      return ended > before;
    },
    GIVE_UP_MS,
    LOOK_MS,
  );
  return { cutMs: performance.now() - (heldSince ?? startedAt), held: most };
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
