import { type Flood, floods, floodUntilCut, openedWebSocket } from '@confab/testkit/attacks';
import { residentBytes } from '../checks/processes.ts';
import { duration, megabytes, worst } from '../figures.ts';
import type { NamedService } from '../rig.ts';
import type { FaultRow } from '../row.ts';

const CLOSED_MS = 2_000;
const MEMORY_BYTES = 20 * 1024 ** 2;

export const preAuthFlood: FaultRow = {
  id: 26,
  name: 'ping and fragment flood before auth',
  injection:
    'raw WebSockets without a token that send pings, pongs, fragments, packets, heartbeats, acks and events and read nothing',
  bar: 'at most 20 MB; closed within 2 s',
  times: { full: 24, short: 8 },
  // Quiet: what the gateway's memory grows by is to be the flood's doing. Somebody sends during each flood, and is answered.
  load: { rate: 5 },
  async run({ rig, load, times, random }) {
    const gateway = rig.services.find(({ kind }) => kind === 'gateway') as NamedService;
    const closed: number[] = [];
    const grown: number[] = [];
    const answered: number[] = [];
    // The first connections of any kind make the runtime load and compile what it needs.
    await flood(gateway, floods[0] as Flood);
    for (let round = 0; round < times; round++) {
      const { id, members } = random.pick(load.conversations);
      const startedAt = performance.now();
      const sending = load.sendByRest(random.pick(members), id, 'during a flood');
      const result = await flood(gateway, floods[round % floods.length] as Flood);
      closed.push(result.ms);
      grown.push(result.bytes);
      if (await sending) answered.push(performance.now() - startedAt);
    }
    const problems: string[] = [];
    if (answered.length < times)
      problems.push(`${times - answered.length} of ${times} sends during floods had no answer`);
    if (worst(closed) > CLOSED_MS) problems.push(`closed only after ${duration(worst(closed))}`);
    if (worst(grown) > MEMORY_BYTES) problems.push(`the gateway grew by ${megabytes(worst(grown))}`);
    const figure = `closed after ${duration(worst(closed))} at worst; the gateway grew by ${megabytes(worst(grown))} at worst; ${answered.length} sends meanwhile were answered`;
    return { injected: times, figure, problems };
  },
};

const GIVE_UP_MS = 8_000;

/** @returns milliseconds until the gateway ended the connection, and bytes that it grew by meanwhile */
async function flood({ process: { port, pid } }: NamedService, what: Flood) {
  const socket = await openedWebSocket({ port });
  const before = residentBytes(pid);
  let peak = before;
  const whileFlooding = () => {
    peak = Math.max(peak, residentBytes(pid));
  };
  const ms = await floodUntilCut(socket, what, { giveUpMs: GIVE_UP_MS, whileFlooding });
  return { ms, bytes: peak - before };
}
