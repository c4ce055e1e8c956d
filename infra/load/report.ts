import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import type { RecordableHistogram } from 'node:perf_hooks';
import { toSvg } from './chart.ts';
import type { LoadOptions } from './options.ts';
import type { PublishReport } from './publish-thread.ts';
import type { ServerReading } from './server-usage.ts';

export interface LoadReport {
  /** ISO 8601. */
  at: string;
  machine: { cpus: number; model: string; memoryBytes: number; node: string; loadAverage: number };
  options: Omit<LoadOptions, 'secret' | 'redis' | 'url' | 'out'>;
  sockets: { wanted: number; connected: number; rampSeconds: number; ended: Record<string, number> };
  events: Omit<PublishReport, 'done'> & { delivered: number; lost: number; deliveriesPerSecond: number };
  latencyMs: { mean: number; percentiles: Record<string, number> };
  perSecond: number[];
  /** Of the gateway, where its metrics can be reached. */
  server: { cpuCores: number; memoryBytes: number; memoryBytesPerSocket: number; deepestInbox: number } | undefined;
  /** Of this program: beyond 0.9 it was the limit, not the gateway. */
  generatorBusy: number;
}

const PERCENTILES = [0, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100];

export function latencyOf(histogram: RecordableHistogram): LoadReport['latencyMs'] {
  if (histogram.count === 0) return { mean: 0, percentiles: {} };
  const milliseconds = (microseconds: number) => Math.round(microseconds / 10) / 100;
  const at = (percent: number) =>
    percent === 0 ? histogram.min : percent === 100 ? histogram.max : histogram.percentile(percent);
  return {
    mean: milliseconds(histogram.mean),
    percentiles: Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, milliseconds(at(percent))])),
  };
}

/** @param readings the first before any socket, the others during the load */
export function serverOf(
  before: ServerReading | undefined,
  readings: ServerReading[],
  sockets: number,
): LoadReport['server'] {
  const [first, last] = [readings[0], readings.at(-1)];
  if (!before || !first || !last || first === last) return undefined;
  const memoryBytes = Math.max(...readings.map((reading) => reading.memoryBytes));
  return {
    cpuCores: round((last.cpuSeconds - first.cpuSeconds) / ((last.at - first.at) / 1_000)),
    memoryBytes,
    memoryBytesPerSocket: Math.round((memoryBytes - before.memoryBytes) / Math.max(1, sockets)),
    deepestInbox: Math.max(...readings.map((reading) => reading.inboxDepth)),
  };
}

export const machine = (): LoadReport['machine'] => ({
  cpus: cpus().length,
  model: cpus()[0]?.model ?? 'unknown',
  memoryBytes: totalmem(),
  node: process.version,
  loadAverage: loadavg()[0] ?? 0,
});

/** @returns the paths of the JSON file and of the chart */
export function writeReport(report: LoadReport, folder: string): { json: string; svg: string } {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, `gateway-${report.at.replaceAll(/[:.]/g, '-')}`);
  const files = { json: `${base}.json`, svg: `${base}.svg` };
  writeFileSync(files.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.svg, toSvg(report));
  return files;
}

export function describeReport({ machine, sockets, events, latencyMs, server, generatorBusy }: LoadReport): string {
  const p = (name: string) => latencyMs.percentiles[name];
  const ended = Object.entries(sockets.ended).map(([reason, count]) => `${count} x ${reason}`);
  return [
    `sockets     ${sockets.connected} of ${sockets.wanted} connected in ${sockets.rampSeconds} s${ended.length > 0 ? `; ended: ${ended.join(', ')}` : ''}`,
    `events      ${events.published} published, ${events.delivered} delivered, ${events.lost} lost, ${events.failed} failed, ${events.late} late`,
    `deliveries  ${events.deliveriesPerSecond} a second`,
    `latency     p50 ${p('p50')} ms, p99 ${p('p99')} ms, p99.9 ${p('p99.9')} ms, highest ${p('p100')} ms`,
    server
      ? `gateway     ${server.cpuCores} cores, ${Math.round(server.memoryBytes / 1e6)} MB (${Math.round(server.memoryBytesPerSocket / 1e3)} kB a socket), inbox at most ${server.deepestInbox} deep`
      : 'gateway     its /metrics cannot be reached: CPU and memory are not known',
    `generator   ${Math.round(generatorBusy * 100)}% busy${generatorBusy > 0.9 ? ': IT was the limit; the gateway can do more than this' : ''}`,
    `machine     ${machine.cpus} cores, load average ${round(machine.loadAverage)}${machine.loadAverage > 2 * machine.cpus ? ': OTHERS ARE AT WORK HERE; measure on a quiet machine' : ''}`,
  ].join('\n');
}

export const round = (value: number) => Math.round(value * 100) / 100;
