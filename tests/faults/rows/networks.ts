import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startTcpProxy, type TcpProxy } from '@confab/testkit';
import { untilDelivered } from '../checks/delivery.ts';
import { StockClient } from '../clients/stock-client.ts';
import { duration, worst } from '../figures.ts';
import { metricOf, type NamedService, untilReady } from '../rig.ts';
import type { FaultRow, Trial } from '../row.ts';
import { probe } from './redis-faults.ts';

const FOUND_MS = 15_000;
const SOCKETS = 20;

export const halfOpen: FaultRow = {
  id: 15,
  name: 'half-open connection',
  injection: 'proxies go dark, and nobody is told: 20 client sockets, then every connection to Redis, then to MongoDB',
  bar: 'found within 15 s',
  times: { full: 3, short: 1 },
  proxies: { redis: true, mongo: true },
  async run(trial) {
    const { rig, times } = trial;
    if (!rig.redisProxy || !rig.mongoProxy) throw new Error('there is no proxy');
    const gateway: number[] = [];
    const client: number[] = [];
    const stores: number[] = [];
    for (let round = 0; round < times; round++) {
      const sockets = await darkSockets(trial, round);
      gateway.push(sockets.gatewayMs);
      client.push(sockets.clientMs);
      for (const proxy of [rig.redisProxy, rig.mongoProxy]) stores.push(await darkStore(trial, proxy, round));
    }
    const late = [...gateway, ...client, ...stores].filter((ms) => ms > FOUND_MS);
    return {
      injected: times * 3,
      figure: `sockets: found by the gateway after ${duration(worst(gateway))}, by the client after ${duration(worst(client))}; stores: messages flow again after ${duration(worst(stores))}`,
      problems: late.map((ms) => `found only after ${duration(ms)}`),
    };
  },
};

/** Twenty clients behind a proxy of their own, which goes dark. */
async function darkSockets({ rig }: Trial, round: number): Promise<{ gatewayMs: number; clientMs: number }> {
  const service = rig.services.find(({ kind }) => kind === 'gateway') as NamedService;
  const proxy = await startTcpProxy(service.process.url);
  const clients = Array.from({ length: SOCKETS }, (_, i) => {
    const userId = `dark-${round}-${i}`;
    const socketUrl = `http://127.0.0.1:${proxy.port}`;
    return new StockClient({ userId, caller: rig.caller(userId), conversations: [], socketUrl });
  });
  try {
    await Promise.all(clients.map((client) => client.opened()));
    const before = await metricOf(service, 'confab_gateway_sockets');
    proxy.blackholeAll();
    const darkAt = performance.now();
    const gatewayMs = eventually(
      async () => (await metricOf(service, 'confab_gateway_sockets')) <= before - SOCKETS,
      40_000,
      100,
    ).then(() => performance.now() - darkAt);
    const clientMs = eventually(() => clients.every(({ connected }) => !connected), 40_000).then(
      () => performance.now() - darkAt,
    );
    return { gatewayMs: await gatewayMs, clientMs: await clientMs };
  } finally {
    for (const client of clients) client.close();
    await proxy.close();
  }
}

/** The connections that exist go dark, new ones work. @returns milliseconds until everything flows again */
async function darkStore(trial: Trial, proxy: TcpProxy, round: number): Promise<number> {
  await sleep(500);
  proxy.blackhole();
  const darkAt = performance.now();
  await probe(trial, round);
  const delivered = await untilDelivered(trial.load);
  await untilReady(trial.rig.services);
  return Number.isFinite(delivered) ? performance.now() - darkAt : delivered;
}
