import { EventEmitter } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import type { Carriers, EngineConnection } from './engine-connection.ts';
import { createSlowConsumers } from './slow-consumers.ts';

const MB = 1024 ** 2;

/** A connection whose operating system takes nothing unless it is told to. */
function setup() {
  let now = 0;
  const unsent = { bytes: 0 };
  const cuts: number[] = [];
  const carriers = { unsentBytes: () => unsent.bytes } as unknown as Carriers;
  const connection = new EventEmitter() as unknown as EngineConnection & EventEmitter;
  const slow = createSlowConsumers({
    carriers,
    cut: () => cuts.push(slow.heldBytes(connection)),
    // only what is looked at by itself counts here
    sweepMs: 3_600_000,
    now: () => now,
  });
  onTestFinished(() => slow.close());
  slow.watch(connection);
  return {
    cuts,
    slow,
    connection,
    advance: (ms: number) => {
      now += ms;
    },
    packet: (bytes: number) => connection.emit('packetCreate', { data: 'x'.repeat(bytes) }),
    /** Engine.IO hands its buffer over; the operating system takes none of it. */
    flush() {
      unsent.bytes += slow.heldBytes(connection) - unsent.bytes;
      connection.emit('flush', []);
    },
    taken: () => {
      unsent.bytes = 0;
    },
  };
}

const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

it('what was handed over and is not taken yet counts: the bound is not held twice', async () => {
  const t = setup();
  for (let i = 0; i < 15; i++) t.packet(0.1 * MB);
  t.flush();
  await endOfTurn();
  expect(t.cuts).toEqual([]);
  for (let i = 0; i < 4; i++) {
    t.packet(0.1 * MB);
    await endOfTurn();
  }
  expect(t.cuts).toHaveLength(1);
  expect(t.cuts[0]).toBeLessThanOrEqual(2 * MB);
});

it('a client that takes what one turn wrote is not cut, however much it was', async () => {
  const t = setup();
  for (let i = 0; i < 50; i++) t.packet(0.1 * MB);
  t.flush();
  t.taken();
  await endOfTurn();
  t.packet(0.1 * MB);
  await endOfTurn();
  expect(t.cuts).toEqual([]);
});

it('nobody is cut twice, and what a closed connection held is forgotten', async () => {
  const t = setup();
  for (let i = 0; i < 3; i++) {
    t.packet(2 * MB);
    await endOfTurn();
  }
  expect(t.cuts).toHaveLength(1);
  t.slow.forget(t.connection);
  expect(t.slow.totalBytes()).toBe(0);
});
