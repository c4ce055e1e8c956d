import type { ServiceProcess } from '@confab/testkit';
import { clientFrame, floods, floodUntilCut, rawWebSocket } from '@confab/testkit/attacks';
import { duration, megabytes, worst } from '../../faults/figures.ts';
import { metricOf, residentBytes, worstLagMs } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';

const MEMORY_BYTES = 20 * 1024 ** 2;
const CUT_MS = 10_000;

export const authenticatedFloods: AbuseRow = {
  id: 26,
  name: 'the same floods after auth',
  injection:
    'authenticated sockets that send pings, pongs, fragments, heartbeats, acks and events as fast as they can, and read nothing',
  bar: 'at most 20 MB; cut within 10 s, or others not slowed',
  async run({ rig, quick }) {
    const findings = new Findings();
    const gateway = rig.split.gateway[1] as ServiceProcess & { id: string };
    const cuts: number[] = [];
    const grown: number[] = [];
    const lags: number[] = [];
    const rounds = quick ? 1 : 3;
    await floodOnce(gateway, rig.token('warm-up'), 0);
    for (let round = 0; round < rounds; round++) {
      for (const [index, { name }] of floods.entries()) {
        const { ms, bytes, lagMs } = await floodOnce(gateway, rig.token(`flooder-${round}-${index}`), index);
        cuts.push(ms);
        grown.push(bytes);
        lags.push(lagMs);
        findings.check(ms <= CUT_MS, `${name}: not cut within ${duration(CUT_MS)}`);
        findings.check(bytes <= MEMORY_BYTES, `${name}: the gateway grew by ${megabytes(bytes)}`);
      }
    }
    findings.check(rig.fallen().length === 0, `${rig.fallen().join()} fell`);
    const left = await metricOf(gateway, 'confab_gateway_sockets');
    findings.check(left === 0, `${left} sockets are left`);
    const figure = `${floods.length} kinds: cut after ${duration(worst(cuts))} at worst; the gateway grew by ${megabytes(worst(grown))} at worst; loop lag at most ${duration(worst(lags))} meanwhile`;
    return { injected: cuts.length, figure, problems: findings.problems };
  },
};

async function floodOnce(gateway: ServiceProcess, token: string, index: number) {
  const socket = await rawWebSocket({ port: gateway.port });
  socket.write(clientFrame(0x1, Buffer.from(`40${JSON.stringify({ token })}`)));
  const before = await metricOf(gateway, 'confab_gateway_sockets');
  for (let i = 0; i < 200 && (await metricOf(gateway, 'confab_gateway_sockets')) <= before; i++);
  await worstLagMs(gateway);
  const bytesBefore = residentBytes(gateway);
  let peak = bytesBefore;
  const flood = floods[index];
  if (!flood) throw new Error('no such flood');
  const ms = await floodUntilCut(socket, flood, {
    giveUpMs: CUT_MS,
    whileFlooding: () => {
      peak = Math.max(peak, residentBytes(gateway));
    },
  });
  return { ms, bytes: peak - bytesBefore, lagMs: await worstLagMs(gateway) };
}
