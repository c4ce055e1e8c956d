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
/** Milliseconds that the last closings may take. */
const SETTLE_MS = 1_500;

/** Sends all sockets away, a small batch at a time, each with a time to come back of its own. */
export async function drainSockets({ io, endSession, drainMs, random = Math.random }: DrainOptions): Promise<void> {
  const sockets = [...io.sockets.sockets.values()];
  const perTick = Math.max(1, Math.ceil(sockets.length / Math.max(1, Math.floor(drainMs / TICK_MS))));
  for (let from = 0; from < sockets.length; from += perTick) {
    if (from > 0) await sleep(TICK_MS);
    for (const socket of sockets.slice(from, from + perTick)) {
      endSession(socket, 'DRAINING', 1 + Math.floor(random() * SPREAD_S));
    }
  }
  await closed(sockets);
}

async function closed(sockets: readonly GatewaySocket[]): Promise<void> {
  const end = performance.now() + SETTLE_MS;
  while (sockets.some(({ conn }) => conn.readyState !== 'closed') && performance.now() < end) await sleep(20);
}
