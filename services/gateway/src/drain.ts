import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayServer, GatewaySocket } from './session.ts';
import type { EndSession } from './session-end.ts';

export interface DrainOptions {
  io: GatewayServer;
  endSession: EndSession;
  /** Milliseconds over which the sockets are sent away. */
  drainMs: number;
  /** From 0 to 1. */
  random?: () => number;
}

/** Milliseconds between two batches. */
const TICK_MS = 200;
/** Seconds over which those that were sent away come back, so that the others are not stormed. */
const SPREAD_S = 5;
/** Milliseconds that sends under way get to be acknowledged. Source: the api answers within 4 s or not at all. */
const BUSY_MS = 4_000;
/** Milliseconds that the last closings may take. */
const SETTLE_MS = 1_500;

/**
 * Sends all sockets away, a small batch at a time, each with a time to come back of its own. A socket that waits for the api stays
 * until it has its answer: otherwise the message is stored and its sender is not told.
 */
export async function drainSockets({ io, endSession, drainMs, random = Math.random }: DrainOptions): Promise<void> {
  const end = (socket: GatewaySocket) => endSession(socket, 'DRAINING', 1 + Math.floor(random() * SPREAD_S));
  const sockets = [...io.sockets.sockets.values()];
  const perTick = Math.max(1, Math.ceil(sockets.length / Math.max(1, Math.floor(drainMs / TICK_MS))));
  for (let from = 0; from < sockets.length; from += perTick) {
    if (from > 0) await sleep(TICK_MS);
    sockets
      .slice(from, from + perTick)
      .filter(isIdle)
      .forEach(end);
  }
  await endRest(io, end);
  await until(() => sockets.every(({ conn }) => conn.readyState === 'closed'), SETTLE_MS);
}

/** Those that were busy, and those whose handshake was under way when the drain began. */
async function endRest(io: GatewayServer, end: (socket: GatewaySocket) => void): Promise<void> {
  const rest = () => [...io.sockets.sockets.values()].filter(({ data }) => !data.ended);
  await until(() => {
    rest().filter(isIdle).forEach(end);
    return rest().length === 0;
  }, BUSY_MS);
  rest().forEach(end);
}

const isIdle = ({ data }: GatewaySocket) => data.apiCalls.inFlight === 0;

async function until(done: () => boolean, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!done() && performance.now() < end) await sleep(20);
}
