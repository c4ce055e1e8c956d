import { type ClientEventName, clientEvents } from '@confab/contracts';
import { anything, hostile, type Known, samplesOf } from '@confab/testkit/attacks';
import type { Device, Person } from '../../e2e/person.ts';
import { createRandom, type Random } from '../../faults/random.ts';
import { Answers } from './answers.ts';
import { type FuzzWorld, watch } from './world.ts';

const BATCH = 200;
const ACK_MS = 15_000;
/** Events of one socket under way at once. */
const LANES = 2;
const UNKNOWN_NAMES = [
  'no:such',
  '',
  '__proto__',
  'constructor',
  'toString',
  'new:message',
  'session:end',
  'a'.repeat(1_000),
  '💥',
  '\ud800',
];

export interface SocketFuzz {
  answers: Answers;
  /** Sockets that were cut and came back. */
  cuts: number;
}

/** Emits events made from the schemas on the fuzzers' sockets, on both gateways. */
export async function fuzzSockets(world: FuzzWorld, events: number, seed: number): Promise<SocketFuzz> {
  const result: SocketFuzz = { answers: new Answers(), cuts: 0 };
  const supply = new PayloadSupply(world.known, seed);
  let left = events;
  const lanes = world.devices
    .filter(({ person }) => world.fuzzers.includes(person))
    .map(async (held, index) => {
      const random = createRandom(seed * 97 + index);
      const lane = async () => {
        while (left-- > 0) await oneEvent(world, held, supply, random, result);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    });
  await Promise.all(lanes);
  return result;
}

async function oneEvent(
  world: FuzzWorld,
  held: { person: Person; device: Device },
  supply: PayloadSupply,
  random: Random,
  result: SocketFuzz,
): Promise<void> {
  const { person, device } = held;
  const known = random.next() < 0.92;
  const name = known ? random.pick(Object.keys(clientEvents)) : random.pick(UNKNOWN_NAMES);
  const payload = known ? supply.next(name as ClientEventName) : supply.anything();
  const args =
    random.next() < 0.95
      ? [payload]
      : random.pick<unknown[]>([[], [payload, payload], [Buffer.from('x')], [{ b: Buffer.alloc(3) }]]);
  const withAck = random.next() < 0.8;
  const answer = withAck ? await acknowledged(device, name, args) : emitted(device, name, args);
  if (answer === 'cut') {
    result.cuts += 1;
    await comeBack(world, held);
    result.answers.note(name, 'cut', '', []);
    return;
  }
  const forbidden = world.ledger.neverIn(person.id, world.known.ids);
  result.answers.note(`${name} ${JSON.stringify(payload)?.slice(0, 120)}`, answer.code, answer.text, forbidden);
}

interface EventAnswer {
  code: string;
  text: string;
}

function emitted(device: Device, name: string, args: unknown[]): EventAnswer | 'cut' {
  if (!device.socket.connected) return 'cut';
  device.socket.emit(name, ...args);
  return { code: 'no ack', text: '' };
}

async function acknowledged(device: Device, name: string, args: unknown[]): Promise<EventAnswer | 'cut'> {
  try {
    const ack = await device.socket.timeout(ACK_MS).emitWithAck(name, ...args);
    return { code: ack?.success === true ? 'ok' : (ack?.error?.code ?? '0 no code'), text: JSON.stringify(ack) };
  } catch {
    // socket.io-client rejects when the time is over and when the socket was cut.
    return device.socket.connected ? { code: '0 no ack in time', text: '' } : 'cut';
  }
}

/** One lane brings the device back; the other waits with it. */
const returning = new WeakMap<object, Promise<void>>();
function comeBack(world: FuzzWorld, held: { person: Person; device: Device }): Promise<void> {
  const before = held.device;
  const known = returning.get(before);
  if (known) return known;
  const back = (async () => {
    before.socket.close();
    const device = await held.person.connect({ url: world.rig.system.gateways[0] });
    watch(device, held.person.id, world.ledger);
    held.device = device;
  })();
  returning.set(before, back);
  return back;
}

class PayloadSupply {
  readonly #known: Known;
  readonly #batches = new Map<string, unknown[]>();
  #seed: number;

  constructor(known: Known, seed: number) {
    this.#known = known;
    this.#seed = seed * 7_919;
  }

  next(name: ClientEventName): unknown {
    return this.#take(name, () => samplesOf(hostile(clientEvents[name].payload, this.#known), BATCH, this.#seed++));
  }

  anything(): unknown {
    return this.#take('anything', () => samplesOf(anything, BATCH, this.#seed++));
  }

  #take(key: string, make: () => unknown[]): unknown {
    let batch = this.#batches.get(key) ?? [];
    if (batch.length === 0) {
      batch = make();
      this.#batches.set(key, batch);
    }
    return batch.pop();
  }
}
