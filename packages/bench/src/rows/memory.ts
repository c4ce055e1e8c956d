import { setTimeout as sleep } from 'node:timers/promises';
import { closeAll, connectChatClient, connectMany } from '../clients/chat-client.ts';
import { tokenOf } from '../clients/token.ts';
import { type Measurement, observe } from '../measure/measurement.ts';
import { anonymousBytes } from '../measure/proc.ts';
import type { Environment, Row, Sides } from '../row.ts';
import { Cleanup } from '../run/cleanup.ts';
import { startGateway } from '../run/gateway-side.ts';
import { startPeer } from '../run/peer-process.ts';

/** Milliseconds in which a process may collect its garbage before memory is read. */
const SETTLE_MS = 15_000;

/** A server that has just started. */
interface Fresh {
  pid: number;
  url: string;
  token(index: number): string;
}

/**
 * Kilobytes that one idle connection takes: what the process has grown by, over the number of connections. Each time in a new
 * process, since a process does not give back what it once had.
 */
async function perConnection(start: (cleanup: Cleanup) => Promise<Fresh>, connections: number): Promise<Measurement> {
  const cleanup = new Cleanup();
  try {
    const server = await start(cleanup);
    // A few first, so that what is loaded once is not counted.
    const connect = (i: number) => connectChatClient({ url: server.url, token: server.token(i), onEvent: () => {} });
    const own = async (count: number, from: number) =>
      cleanup.own(await connectMany(count, (i) => connect(from + i)), closeAll);
    await own(100, 0);
    await sleep(SETTLE_MS);
    const before = await anonymousBytes(server.pid);
    const run = await observe({ process: server.pid }, async () => {
      await own(connections, 100);
      await sleep(SETTLE_MS);
    });
    const grown = (await anonymousBytes(server.pid)) - before;
    return { ...run, lateMs: 0, value: grown / connections / 1_024 };
  } finally {
    await cleanup.run();
  }
}

async function openMemory({ redis, quick }: Environment): Promise<Sides> {
  const connections = quick ? 1_000 : 10_000;
  const gateway = async (cleanup: Cleanup): Promise<Fresh> => {
    const started = await startGateway({ redisUrl: redis.url, keyPrefix: `bench-memory-${Date.now()}`, id: 'g0' });
    cleanup.own(started, (g) => g.kill());
    return { pid: started.pid, url: started.url, token: (i) => tokenOf(`u${i}`) };
  };
  const bare = async (cleanup: Cleanup): Promise<Fresh> => {
    const started = cleanup.own(await startPeer('socket-server', {}), (p) => p.stop());
    return { pid: started.pid, url: `http://127.0.0.1:${started.port}`, token: (i) => `u${i}` };
  };
  return {
    subject: () => perConnection(gateway, connections),
    peer: () => perConnection(bare, connections),
    close: async () => {},
  };
}

export const memoryRows: Row[] = [
  {
    id: 'memory-idle',
    group: 'memory',
    title: 'memory per idle connection at 10,000 / bare Socket.IO server',
    unit: 'kB/connection',
    goal: 1,
    better: 'lower',
    usesStore: false,
    open: openMemory,
  },
];
