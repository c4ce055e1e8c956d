import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../checks/processes.ts';
import { duration, megabytes, worst } from '../figures.ts';
import type { NamedService } from '../rig.ts';
import type { FaultRow } from '../row.ts';

const CLOSED_MS = 2_000;
const MEMORY_BYTES = 20 * 1024 ** 2;

export const preAuthFlood: FaultRow = {
  id: 26,
  name: 'ping and fragment flood before auth',
  injection: 'raw WebSockets without a token that send pings, fragments, empty fragments and packets and read nothing',
  bar: 'at most 20 MB; closed within 2 s',
  times: { full: 20, short: 4 },
  // Quiet: what the gateway's memory grows by is to be the flood's doing.
  load: { rate: 5 },
  async run({ rig, times }) {
    const gateway = rig.services.find(({ kind }) => kind === 'gateway') as NamedService;
    const closed: number[] = [];
    const grown: number[] = [];
    // The first connections of any kind make the runtime load and compile what it needs.
    await flood(gateway, FLOODS[0] as Flood);
    for (let round = 0; round < times; round++) {
      const result = await flood(gateway, FLOODS[round % FLOODS.length] as Flood);
      closed.push(result.ms);
      grown.push(result.bytes);
    }
    const problems: string[] = [];
    if (worst(closed) > CLOSED_MS) problems.push(`closed only after ${duration(worst(closed))}`);
    if (worst(grown) > MEMORY_BYTES) problems.push(`the gateway grew by ${megabytes(worst(grown))}`);
    const figure = `closed after ${duration(worst(closed))} at worst; the gateway grew by ${megabytes(worst(grown))} at worst`;
    return { injected: times, figure, problems };
  },
};

interface Flood {
  /** Sent once. */
  begin?: Buffer;
  /** Sent again and again. */
  chunk: Buffer;
}

/** A masked client frame of up to 125 bytes; the mask is zero. */
function frame(opcode: number, payload: Buffer, fin = true): Buffer {
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

const repeated = (count: number, what: Buffer) => Buffer.concat(Array<Buffer>(count).fill(what));
const firstFragment = frame(0x1, Buffer.from('4'), false);
const FLOODS: Flood[] = [
  { chunk: repeated(500, frame(0x9, Buffer.alloc(125))) },
  { begin: firstFragment, chunk: repeated(500, frame(0x0, Buffer.alloc(100), false)) },
  { begin: firstFragment, chunk: repeated(5_000, frame(0x0, Buffer.alloc(0), false)) },
  { chunk: repeated(500, frame(0x1, Buffer.from('40'))) },
];

const GIVE_UP_MS = 8_000;

/** @returns milliseconds until the gateway ended the connection, and bytes that it grew by meanwhile */
async function flood({ process: { port, pid } }: NamedService, { begin, chunk }: Flood) {
  const socket = await rawWebSocket(port);
  const before = residentBytes(pid);
  const startedAt = performance.now();
  let peak = before;
  socket.pause();
  if (begin) socket.write(begin);
  while (!socket.destroyed && performance.now() - startedAt < GIVE_UP_MS) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), sleep(10)]);
    peak = Math.max(peak, residentBytes(pid));
    await sleep(0);
  }
  const ms = socket.destroyed ? performance.now() - startedAt : Number.POSITIVE_INFINITY;
  socket.destroy();
  return { ms, bytes: peak - before };
}

async function rawWebSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // being cut is what the row waits for
  socket.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101'))
    throw new Error(`not upgraded: ${answer.toString('latin1')}`);
  return socket;
}
