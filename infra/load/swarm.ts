import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '@confab/testkit';
import { type LoadSocket, openSocket } from './load-socket.ts';

export interface SwarmOptions {
  url: string;
  secret: string;
  sockets: number;
  ramp: number;
  userOf(index: number): string;
  /** @param packet the event as it came */
  onEvent(packet: string): void;
  onProgress(line: string): void;
}

export interface Swarm {
  readonly connected: number;
  /** Reasons for which sockets ended, with how often. */
  readonly ended: ReadonlyMap<string, number>;
  close(): void;
}

/** Milliseconds after the last socket was opened until all must be connected. */
const SETTLE_MS = 30_000;
const TICK_MS = 50;

/** Opens the sockets at the given rate, and waits until each is connected or has failed. */
export async function openSwarm(options: SwarmOptions): Promise<Swarm> {
  const { sockets, ramp } = options;
  const open: LoadSocket[] = [];
  const ended = new Map<string, number>();
  let connected = 0;
  let settled = 0;

  const openOne = (index: number) => {
    const user = options.userOf(index);
    let isConnected = false;
    const token = mintToken(options.secret, { sub: user, name: user });
    const events = {
      onConnect() {
        isConnected = true;
        connected++;
        settled++;
      },
      onEvent: options.onEvent,
      onEnd(reason: string) {
        ended.set(reason, (ended.get(reason) ?? 0) + 1);
        if (isConnected) connected--;
        else settled++;
      },
    };
    open.push(openSocket(options.url, token, events));
  };

  const startedAt = performance.now();
  let reportedAt = startedAt;
  while (settled < sockets) {
    const elapsed = performance.now() - startedAt;
    if (elapsed > (sockets / ramp) * 1_000 + SETTLE_MS) break;
    const due = Math.min(sockets, Math.ceil((elapsed / 1_000) * ramp));
    while (open.length < due) openOne(open.length);
    if (performance.now() - reportedAt >= 1_000) {
      reportedAt = performance.now();
      options.onProgress(`sockets: ${connected} of ${sockets} connected, ${sum(ended)} failed`);
    }
    await sleep(TICK_MS);
  }
  return {
    get connected() {
      return connected;
    },
    ended,
    close() {
      for (const socket of open) socket.close();
    },
  };
}

const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((total, count) => total + count, 0);
