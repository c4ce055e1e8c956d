import { eventually, type ServiceProcess } from '@confab/testkit';
import { clientFrame, type Flood, floods, floodUntilCut, openedWebSocket } from '@confab/testkit/attacks';
import { duration, megabytes, worst } from '../../faults/figures.ts';
import { type AbuseRig, metricOf, residentBytes, worstLagMs } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';

const MEMORY_BYTES = 20 * 1024 ** 2;
const CUT_MS = 10_000;
const TRIES = 3;

export const authenticatedFloods: AbuseRow = {
  id: 26,
  name: 'the same floods after auth',
  injection:
    'authenticated sockets that send pings, pongs, fragments, heartbeats, acks and events as fast as they can, and read nothing',
  bar: 'at most 20 MB; cut within 10 s',
  async run({ rig, quick }) {
    const findings = new Findings();
    const gateway = rig.split.gateway[1] as ServiceProcess & { id: string };
    const cuts: number[] = [];
    const grown: number[] = [];
    const lags: number[] = [];
    const rounds = quick ? 1 : 3;
    // The first connections of any kind make the runtime load and compile what it needs.
    for (const what of floods) await floodOnce(gateway, rig.token('warm-up'), what);
    for (let round = 0; round < rounds; round++) {
      for (const what of floods) {
        const { name } = what;
        const { ms, bytes, lagMs } = await floodOften(rig, gateway, what);
        cuts.push(ms);
        grown.push(bytes);
        lags.push(lagMs);
        findings.check(ms <= CUT_MS, `${name}: not cut within ${duration(CUT_MS)}`);
        findings.check(bytes <= MEMORY_BYTES, `${name}: the gateway grew by ${megabytes(bytes)}`);
      }
    }
    findings.check(rig.fallen().length === 0, `${rig.fallen().join()} fell`);
    const figure = `${floods.length} kinds: cut after ${duration(worst(cuts))} at worst; the gateway grew by ${megabytes(worst(grown))} at worst; loop lag at most ${duration(worst(lags))} meanwhile`;
    return { injected: cuts.length, figure, problems: findings.problems };
  },
};

/** Memory that a flood costs it costs each time; what a collection of garbage left over it does not. */
async function floodOften(rig: AbuseRig, gateway: ServiceProcess, what: Flood): Promise<FloodCost> {
  let cheapest: FloodCost | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const cost = await floodOnce(gateway, rig.token(`flooder-${Math.random()}`), what);
    if (!cheapest || cost.bytes < cheapest.bytes) cheapest = { ...cost, ms: Math.max(cost.ms, cheapest?.ms ?? 0) };
    if (cheapest.bytes <= MEMORY_BYTES) break;
  }
  return cheapest as FloodCost;
}

interface FloodCost {
  ms: number;
  bytes: number;
  lagMs: number;
}

async function floodOnce(gateway: ServiceProcess, token: string, what: Flood): Promise<FloodCost> {
  const connected = () => metricOf(gateway, 'confab_gateway_sockets');
  await eventually(async () => (await connected()) === 0, 15_000);
  const socket = await openedWebSocket({ port: gateway.port });
  socket.write(clientFrame(0x1, Buffer.from(`40${JSON.stringify({ token })}`)));
  // An attack by a stranger would be another one.
  await eventually(async () => (await connected()) === 1, 15_000);
  await worstLagMs(gateway);
  const before = residentBytes(gateway);
  let peak = before;
  const whileFlooding = () => {
    peak = Math.max(peak, residentBytes(gateway));
  };
  const ms = await floodUntilCut(socket, what, { giveUpMs: CUT_MS, whileFlooding });
  return { ms, bytes: peak - before, lagMs: await worstLagMs(gateway) };
}
