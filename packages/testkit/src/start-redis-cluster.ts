import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startRedis, type TestRedisServer } from './start-redis.ts';

export interface TestRedisCluster extends AsyncDisposable {
  /** The URL of one node, from which a client finds the others. */
  url: string;
  nodes: TestRedisServer[];
  stop(): Promise<void>;
}

const SLOTS = 16_384;

/** Starts a private Redis Cluster of masters without replicas: enough to see that keys that are used together share a slot. */
export async function startRedisCluster(size = 3): Promise<TestRedisCluster> {
  const nodes: TestRedisServer[] = [];
  for (let i = 0; i < size; i++) nodes.push(await startNode());
  const clients = nodes.map((node) => new Redis(node.url));
  try {
    await Promise.all(
      clients.map((client, i) => client.cluster('ADDSLOTSRANGE', firstSlot(i, size), firstSlot(i + 1, size) - 1)),
    );
    for (const node of nodes.slice(1)) await clients[0]?.cluster('MEET', '127.0.0.1', node.port, await busPortOf(node));
    await eventually(async () => {
      const states = await Promise.all(clients.map((client) => client.cluster('INFO')));
      return states.every(
        (state) => state.includes('cluster_state:ok') && state.includes(`cluster_known_nodes:${size}`),
      );
    }, 15_000);
  } finally {
    for (const client of clients) client.disconnect();
  }
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  return { url: nodes[0]?.url ?? '', nodes, stop, [Symbol.asyncDispose]: stop };
}

async function startNode(): Promise<TestRedisServer> {
  // By default the cluster bus takes port + 10,000, which may be above 65,535.
  const busPort = await freePort();
  return startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-announce-ip', '127.0.0.1'],
  });
}

async function busPortOf(node: TestRedisServer): Promise<number> {
  const client = new Redis(node.url);
  try {
    const [, port] = (await client.config('GET', 'cluster-port')) as string[];
    return Number(port);
  } finally {
    client.disconnect();
  }
}

const firstSlot = (index: number, size: number) => Math.floor((index * SLOTS) / size);
