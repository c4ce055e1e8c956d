/* The load test of the gateway alone: sockets, events published straight to inboxes, no api and no MongoDB. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createHistogram, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { unixMicroseconds } from './clock.ts';
import { startLocalGateway } from './local-gateway.ts';
import { type LoadOptions, readOptions, USAGE } from './options.ts';
import type { PublishOrder, PublishReport } from './publish-thread.ts';
import { describeReport, type LoadReport, latencyOf, machine, round, serverOf, writeReport } from './report.ts';
import { readServer, type ServerReading } from './server-usage.ts';
import { openSwarm, type Swarm } from './swarm.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
/** Milliseconds that events may still be on their way after the last was published. */
const LINGER_MS = 3_000;
/** Where the time of sending is in an event: `42["new:message",{"sentAt":1700000000000000,...`. */
const SENT_AT = '42["new:message",{"sentAt":'.length;

/** Counts what arrives. */
function createDeliveries() {
  const latency = createHistogram();
  const perSecond: number[] = [];
  let delivered = 0;
  let startedAt = 0;
  return {
    latency,
    perSecond,
    get delivered() {
      return delivered;
    },
    start() {
      startedAt = performance.now();
    },
    onEvent(packet: string) {
      const sentAt = Number(packet.slice(SENT_AT, packet.indexOf(',', SENT_AT)));
      if (!(sentAt > 0)) return;
      delivered++;
      latency.record(Math.max(1, unixMicroseconds() - sentAt));
      const second = Math.floor((performance.now() - startedAt) / 1_000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    },
  };
}

type Deliveries = ReturnType<typeof createDeliveries>;

/** Publishes for the duration, and reads the gateway's own measures meanwhile. */
async function load(order: PublishOrder, url: string, deliveries: Deliveries) {
  const readings: ServerReading[] = [];
  let last: PublishReport = { published: 0, failed: 0, late: 0, done: false };
  deliveries.start();
  const thread = new Worker(new URL('./publish-thread.ts', import.meta.url), { workerData: order });
  thread.on('message', async (report: PublishReport) => {
    last = report;
    const reading = await readServer(url);
    if (reading && !report.done) readings.push(reading);
    if (!report.done) {
      const p99 = round(deliveries.latency.percentile(99) / 1_000);
      say(`events: ${report.published} published, ${deliveries.delivered} delivered, p99 ${p99} ms`);
    }
  });
  const [code] = await once(thread, 'exit');
  if (code !== 0 || !last.done) throw new Error('publishing ended before its time');
  for (let waited = 0; deliveries.delivered < last.published && waited < LINGER_MS; waited += 50) await sleep(50);
  return { readings, published: last };
}

async function run(options: LoadOptions): Promise<LoadReport> {
  const runId = randomBytes(4).toString('hex');
  const userOf = (index: number) => `load-${runId}-${index}`;
  const { url, secret, sockets, ramp } = options;
  const deliveries = createDeliveries();
  const before = await readServer(url);
  const rampStart = performance.now();
  const swarm = await openSwarm({ url, secret, sockets, ramp, userOf, onEvent: deliveries.onEvent, onProgress: say });
  const rampSeconds = round((performance.now() - rampStart) / 1_000);
  if (swarm.connected === 0) throw new Error(`no socket connected: ${[...swarm.ended.keys()].join('; ')}`);
  say(`sockets: ${swarm.connected} of ${sockets} connected in ${rampSeconds} s`);

  const users = Array.from({ length: sockets }, (_, index) => userOf(index));
  const { redis, prefix, cluster, rate, payload, duration } = options;
  const idle = performance.eventLoopUtilization();
  const { readings, published } = await load(
    { redis, prefix, cluster, users, rate, payload, duration },
    url,
    deliveries,
  );
  const generatorBusy = performance.eventLoopUtilization(idle).utilization;
  const report = summarise(options, { swarm, rampSeconds, deliveries, published, before, readings, generatorBusy });
  swarm.close();
  return report;
}

interface Measured {
  swarm: Swarm;
  rampSeconds: number;
  deliveries: Deliveries;
  published: PublishReport;
  before: ServerReading | undefined;
  readings: ServerReading[];
  generatorBusy: number;
}

function summarise(options: LoadOptions, measured: Measured): LoadReport {
  const { swarm, rampSeconds, deliveries, published, before, readings, generatorBusy } = measured;
  const { secret: _, redis: __, url: ___, out: ____, ...shown } = options;
  const { done: _____, ...counts } = published;
  const perSecond = Array.from(deliveries.perSecond.slice(0, options.duration), (count) => count ?? 0);
  return {
    at: new Date().toISOString(),
    machine: machine(),
    options: shown,
    sockets: {
      wanted: options.sockets,
      connected: swarm.connected,
      rampSeconds,
      ended: Object.fromEntries(swarm.ended),
    },
    events: {
      ...counts,
      delivered: deliveries.delivered,
      lost: published.published - deliveries.delivered,
      deliveriesPerSecond: Math.round(deliveries.delivered / options.duration),
    },
    latencyMs: latencyOf(deliveries.latency),
    perSecond,
    server: serverOf(before, readings, swarm.connected),
    generatorBusy: round(generatorBusy),
  };
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    say(USAGE);
    return;
  }
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.local && options.secret === '') options.secret = randomBytes(32).toString('hex');
  const local = options.local ? await startLocalGateway(options.sockets, options.ramp, options.secret) : undefined;
  try {
    const report = await run(local ? { ...options, url: local.url, redis: local.redis } : options);
    const files = writeReport(report, options.out);
    say(`\n${describeReport(report)}\nreport      ${files.json}\nchart       ${files.svg}`);
    if (report.events.lost > 0 || report.sockets.connected < options.sockets) process.exitCode = 1;
  } finally {
    await local?.stop();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
  process.exitCode = 1;
}
