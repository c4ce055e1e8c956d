import { type ChildProcess, spawn } from 'node:child_process';
import {
  eventually,
  freePort,
  mintToken,
  type ServiceName,
  startRedis,
  startService,
  type TestRedisServer,
  testMongo,
} from '@confab/testkit';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrevious, type PreviousBuild } from './previous-build.ts';
import { runTool } from './tools.ts';

const JWT_SECRET = 'the-secret-of-the-mixed-versions-0123456789';
let previous: PreviousBuild;
let redis: TestRedisServer;

beforeAll(async () => {
  previous = buildPrevious();
  process.stdout.write(`the previous build is of ${previous.revision}\n`);
  redis = await startRedis();
});

afterAll(async () => {
  await redis?.stop();
  previous?.remove();
});

interface Running {
  url: string;
  stop(): Promise<unknown>;
}

/** A service of the previous build, from its compiled code. */
async function startPrevious(name: ServiceName, env: Record<string, string>): Promise<Running> {
  const port = await freePort();
  const child: ChildProcess = spawn(process.execPath, [previous.entry(name)], {
    env: { PATH: process.env.PATH ?? '', HOST: '127.0.0.1', ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 30_000);
  return {
    url,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** The split system, in which one service is of the previous build. */
async function startMixed(old: ServiceName) {
  const mongo = await testMongo();
  const prefix = `mixed-${old}`;
  const common = {
    REDIS_URL: redis.url,
    KEY_PREFIX: prefix,
    MONGODB_URL: mongo.url,
    MONGODB_DATABASE: mongo.dbName(),
    JWT_SECRET,
    HOST: '127.0.0.1',
    PORT: '0',
  };
  const running: Running[] = [];
  const start = async (name: ServiceName, env: Record<string, string>) => {
    const service = old === name ? await startPrevious(name, env) : await startService({ name, env });
    running.push(service);
    return service;
  };
  const api = await start('api', common);
  await start('receipts', common);
  const gateway = await start('gateway', { ...common, API_URL: api.url });
  const stop = async () => {
    for (const service of running.reverse()) await service.stop();
  };
  return { api, gateway, prefix, stop };
}

const token = (user: string) => mintToken(JWT_SECRET, { sub: user });

async function connect(url: string, user: string): Promise<Socket> {
  const socket = io(url, { auth: { token: token(user) }, transports: ['websocket'], forceNew: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

const next = <T>(socket: Socket, event: string): Promise<T> => new Promise((resolve) => socket.once(event, resolve));

/** Rows of the receipts log that some version could not read. */
function deadLetters(prefix: string): number {
  const counts = [0, 1, 2, 3].map((partition) => {
    const key = `${prefix}:receipts:{r${partition}}:dead`;
    const { status, stdout, stderr } = runTool('redis-cli', ['-p', String(redis.port), 'XLEN', key]);
    if (status !== 0) throw new Error(stderr);
    return Number(stdout);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('independent deploys', () => {
  it.each(['api', 'gateway', 'receipts'] as const)('the previous %s works with the current others', async (old) => {
    const system = await startMixed(old);
    const [ann, ben] = [await connect(system.gateway.url, 'ann'), await connect(system.gateway.url, 'ben')];
    try {
      const headers = { authorization: `Bearer ${token('ann')}` };
      const opened = await fetch(`${system.api.url}/api/chat/conversation/ben`, { headers });
      const { data } = (await opened.json()) as { data: { _id: string } };
      const received = next<{ message: { _id: string; text: string } }>(ben, 'new:message');
      const delivered = next<{ messageId: string }>(ann, 'message:delivered');
      const sent = await ann.emitWithAck('send:message', { conversationId: data._id, text: 'Across versions' });
      expect(sent).toMatchObject({ success: true });
      expect((await received).message.text).toBe('Across versions');
      expect((await delivered).messageId).toBe(sent.data.messageId);

      const read = next<{ readBy: string }>(ann, 'messages:read');
      await ben.emitWithAck('message:read', { conversationId: data._id, messageIds: [sent.data.messageId] });
      expect((await read).readBy).toBe('ben');
      const offline = next<{ userId: string }>(ann, 'user:offline');
      ben.disconnect();
      expect((await offline).userId).toBe('ben');
      expect(deadLetters(system.prefix)).toBe(0);
    } finally {
      ann.disconnect();
      ben.disconnect();
      await system.stop();
    }
  });
});
