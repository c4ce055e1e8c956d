import { execFileSync } from 'node:child_process';
import { accessSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, freePort, mintToken, startRedis, type TestRedisServer, testMongo } from '@confab/testkit';
import { Redis } from 'ioredis';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentSecurityPolicy } from '../../services/web/content-security-policy.ts';
import type { BuiltImage } from './build-image.ts';
import { metricNamesOf, namesInAdapter, namesInAlerts, namesInDashboard } from './metric-names.ts';
import { type RunningNginx, startNginx } from './nginx.ts';
import { imageFolder, imageOf, runInImage, type StartedImage, startImage } from './started-images.ts';
import { root } from './tools.ts';

const JWT_SECRET = 'the-secret-of-the-deployment-tests-0123456789';
const SERVICES = ['api', 'gateway', 'receipts'] as const;
const NODE_IMAGES = [...SERVICES, 'standalone'] as const;
/** What an image's user may write to: all of it is covered by a volume. */
const WRITABLE: Record<string, string[]> = {
  api: ['/var/lib/confab/media'],
  gateway: [],
  receipts: ['/var/lib/confab/media'],
  standalone: ['/data'],
};
const folder = imageFolder();
const closing: (() => unknown)[] = [];
const images = new Map<string, BuiltImage>();
const services: Record<string, StartedImage[]> = { api: [], gateway: [], receipts: [] };
let redis: TestRedisServer;
let edge: RunningNginx;
let page: RunningNginx;

const imageNamed = (name: string): BuiltImage => {
  const image = images.get(name);
  if (!image) throw new Error(`no image ${name}`);
  return image;
};

async function start(name: (typeof SERVICES)[number], env: Record<string, string>): Promise<StartedImage> {
  const service = await startImage(imageNamed(name), { ...env, PORT: String(await freePort()) });
  services[name]?.push(service);
  closing.push(() => service.stop());
  return service;
}

/** What docker-compose.yml starts, without an engine: two of the api, two gateways, the worker, the page and the edge. */
beforeAll(async () => {
  for (const name of [...NODE_IMAGES, 'web']) images.set(name, imageOf(name, root, folder.path));
  const mongo = await testMongo();
  redis = await startRedis();
  closing.push(() => redis.stop());
  const [pagePort, edgePort] = [await freePort(), await freePort()];
  const uploads = join(folder.path, 'uploads');
  mkdirSync(uploads);
  chownSync(uploads, 1000, 1000);
  const media = {
    MEDIA_PROVIDER: 'local',
    MEDIA_DIR: uploads,
    MEDIA_SECRET: JWT_SECRET,
    MEDIA_PUBLIC_URL: `http://127.0.0.1:${edgePort}`,
  };
  const stores = { REDIS_URL: redis.url, MONGODB_URL: mongo.url, MONGODB_DATABASE: mongo.dbName() };
  const open = { ...stores, JWT_SECRET, TRUST_PROXY: '127.0.0.0/8', CLIENT_URL: 'http://localhost:3100' };
  const api = [await start('api', { ...open, ...media }), await start('api', { ...open, ...media })];
  const [one, two] = [
    await start('gateway', { ...open, GATEWAY_ID: 'gateway-1', API_URL: api[0]?.url ?? '' }),
    await start('gateway', { ...open, GATEWAY_ID: 'gateway-2', API_URL: api[1]?.url ?? '' }),
  ];
  await start('receipts', { ...stores, ...media, WORKER_NAME: 'receipts-0' });

  const web = imageNamed('web').folder;
  page = await startNginx(
    'web',
    { 'listen 8080': `listen ${pagePort}`, '/usr/share/nginx/html': join(web, 'usr/share/nginx/html') },
    pagePort,
  );
  closing.push(() => page.stop());
  edge = await startNginx(
    'edge',
    {
      'gateway-1:3102': `127.0.0.1:${one.port}`,
      'gateway-2:3102': `127.0.0.1:${two.port}`,
      'api:3101 max_fails=2 fail_timeout=3s;': api
        .map(({ port }) => `127.0.0.1:${port} max_fails=2 fail_timeout=3s;`)
        .join(' server '),
      'web:8080': `127.0.0.1:${pagePort}`,
      'listen 3100': `listen ${edgePort}`,
    },
    edgePort,
  );
  closing.push(() => edge.stop());
});

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  folder.remove();
});

const token = (user: string) => mintToken(JWT_SECRET, { sub: user, name: user });
const call = async (user: string, method: string, path: string, body?: unknown) => {
  const headers = { authorization: `Bearer ${token(user)}`, 'content-type': 'application/json' };
  const response = await fetch(`${edge.url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    body: (await response.json()) as { data: { _id: string } & Record<string, unknown> },
  };
};

/** A person's socket, over the edge. */
async function connect(user: string, transport: 'websocket' | 'polling'): Promise<Socket> {
  const socket = io(edge.url, { auth: { token: token(user) }, transports: [transport], forceNew: true });
  closing.push(() => socket.disconnect());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

const next = <T>(socket: Socket, event: string): Promise<T> => new Promise((resolve) => socket.once(event, resolve));

describe('images, built by the steps of their Dockerfiles in a clean folder', () => {
  it.each(NODE_IMAGES)(
    '%s: runs compiled code as a user that is not root and can write to its volume alone',
    (name) => {
      const image = imageNamed(name);
      expect(image.user).toEqual({ uid: 1000, gid: 1000 });
      expect([image.cmd[0], image.cmd.at(-1)]).toEqual(['node', 'dist/main.js']);
      expect(statSync(join(image.folder, 'app/dist/main.js')).uid).toBe(0);
      const writable = ['(', '-uid', '1000', '-o', '-gid', '1000', '-o', '-perm', '/022', ')', '-not', '-type', 'l'];
      const found = execFileSync('find', [image.folder, ...writable, '-print'], { encoding: 'utf8' });
      const places = found.split('\n').filter((line) => line !== '');
      expect(places.map((place) => place.slice(image.folder.length))).toEqual(WRITABLE[name]);
      const modules = join(image.folder, 'app/node_modules');
      expect(() => accessSync(join(modules, 'typescript'))).toThrow('ENOENT');
      expect(() => accessSync(join(modules, '.pnpm/node_modules/vitest'))).toThrow('ENOENT');
      const manifest = readFileSync(join(image.folder, 'app/package.json'), 'utf8');
      expect(JSON.parse(manifest).name).toBe(`@confab/${name}`);
    },
  );

  it.each([...NODE_IMAGES, 'web'])('%s: is labelled with its version', (name) => {
    const { labels } = imageNamed(name);
    expect(labels).toMatchObject({
      'org.opencontainers.image.title': `confab-${name}`,
      'org.opencontainers.image.version': '0.0.0-dev',
      'org.opencontainers.image.revision': 'unknown',
    });
  });

  it('uses the package manager that the project names', () => {
    const { config } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { config: { pnpm: string } };
    for (const name of [...NODE_IMAGES, 'web']) {
      expect(readFileSync(join(root, `services/${name}/Dockerfile`), 'utf8')).toContain(
        `npm install --global ${config.pnpm}`,
      );
    }
  });
});

describe('the edge', () => {
  it('serves the page with its policy, and REST, on one origin', async () => {
    const html = await fetch(edge.url);
    expect(html.status).toBe(200);
    expect(html.headers.get('content-security-policy')).toBe(contentSecurityPolicy());
    expect(await html.text()).toContain('<div id="root">');
    expect((await fetch(`${edge.url}/demo/users`)).status).toBe(404);
    expect((await call('ann', 'GET', '/api/chat/conversations')).status).toBe(200);
    expect((await fetch(`${edge.url}/api/chat/conversations`)).status).toBe(401);
  });

  it('does not show what is for operators', async () => {
    for (const path of ['/metrics', '/readyz', '/healthz'])
      expect((await fetch(`${edge.url}${path}`)).status).toBe(404);
    const items = [{ token: token('ann'), address: '192.0.2.1', body: { conversationId: 'f'.repeat(24), text: 'x' } }];
    expect(await call('ann', 'POST', '/api/chat/messages/batch', { items })).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });
  });

  it.each(['websocket', 'polling'] as const)('carries a message to the other person over %s', async (transport) => {
    const [ann, ben] = [await connect(`ann-${transport}`, transport), await connect(`ben-${transport}`, transport)];
    const { body } = await call(`ann-${transport}`, 'GET', `/api/chat/conversation/ben-${transport}`);
    const received = next<{ message: { text: string } }>(ben, 'new:message');
    const delivered = next(ann, 'message:delivered');
    const sent = await ann.emitWithAck('send:message', { conversationId: body.data._id, text: 'Hello over the edge' });
    expect(sent).toMatchObject({ success: true });
    expect((await received).message.text).toBe('Hello over the edge');
    await delivered;
  });

  it('keeps each polling session with its gateway, and uses both gateways', async () => {
    const sockets = await Promise.all(Array.from({ length: 8 }, (_, i) => connect(`poller-${i}`, 'polling')));
    const gateways = new Set(sockets.map((socket) => String(socket.io.engine.id).split('.')[0]));
    expect(gateways).toEqual(new Set(['gateway-1', 'gateway-2']));
    // several requests of each session, none of which may reach the wrong gateway: that would end it
    for (let round = 0; round < 3; round++) {
      const acks = await Promise.all(
        sockets.map((socket) =>
          socket.timeout(5_000).emitWithAck('join:conversation', { conversationId: '0'.repeat(24) }),
        ),
      );
      for (const ack of acks) expect(ack).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
    }
    expect(sockets.every((socket) => socket.connected)).toBe(true);
  });

  it('tells the services the address of the client, whatever the client says', async () => {
    const polled = await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`, {
      headers: { 'x-forwarded-for': '203.0.113.9', origin: 'http://evil.example' },
    });
    expect(polled.status).toBe(403);
  });

  it('answers with a typed error when no instance is there', async () => {
    const lonely = await freePort();
    const broken = await startNginx(
      'edge',
      {
        'gateway-1:3102': '127.0.0.1:9',
        'gateway-2:3102': '127.0.0.1:9',
        'api:3101': '127.0.0.1:9',
        'web:8080': '127.0.0.1:9',
        'listen 3100': `listen ${lonely}`,
      },
      lonely,
    );
    closing.push(() => broken.stop());
    const reply = await fetch(`${broken.url}/api/chat/conversations`);
    expect(reply.status).toBe(503);
    expect(reply.headers.get('retry-after')).toBe('1');
    expect(await reply.json()).toMatchObject({ success: false, error: { code: 'UNAVAILABLE' }, retryAfter: 1 });
  });
});

describe('media on a volume that both apis share', () => {
  it('an upload larger than other bodies may be passes the edge, is sent, read by the other person, and counted', async () => {
    const people = ['uploader', 'viewer'] as const;
    const { body: conversation } = await call(people[0], 'GET', `/api/chat/conversation/${people[1]}`);
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(3_000_000, 'x')]);
    const { body } = await call(people[0], 'POST', '/api/chat/media/uploads', {
      filename: 'large.pdf',
      contentType: 'application/pdf',
      size: bytes.length,
      conversationId: conversation.data._id,
    });
    const ticket = body.data as unknown as { mediaId: string; uploadUrl: string; headers: Record<string, string> };
    expect(ticket.uploadUrl.startsWith(edge.url)).toBe(true);
    const uploaded = await fetch(ticket.uploadUrl, { method: 'PUT', headers: ticket.headers, body: bytes });
    expect(uploaded.status, await uploaded.text()).toBe(201);
    const sent = await call(people[0], 'POST', '/api/chat/message', {
      conversationId: conversation.data._id,
      media: [{ mediaId: ticket.mediaId, type: 'file' }],
    });
    expect(sent.status).toBe(201);
    // either api answers for what the other one took
    for (let round = 0; round < 4; round++) {
      const history = await call(people[1], 'GET', `/api/chat/conversation/${conversation.data._id}/messages`);
      const [message] = history.body.data as unknown as { media: { url: string }[] }[];
      const file = await fetch(message?.media[0]?.url ?? '');
      expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    }
    const metrics = () =>
      Promise.all((services.api ?? []).map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    // A download is counted when the api is through with it, which may be after the last byte came.
    await eventually(async () => {
      const texts = await metrics();
      const total = (pattern: RegExp) =>
        [...texts.join('\n').matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
      expect(total(/^confab_media_uploads_total\{.*result="accepted".*\} (\d+)/gm)).toBe(1);
      expect(total(/^confab_media_upload_bytes_total\{.*\} (\d+)/gm)).toBe(bytes.length);
      expect(total(/^confab_media_download_bytes_total\{.*\} (\d+)/gm)).toBe(4 * bytes.length);
    });
  });
});

describe('standalone', () => {
  it('serves page, REST and sockets, keeps all in its volume, and ends in order', async () => {
    const image = imageNamed('standalone');
    expect(image.volumes).toEqual(['/data']);
    const env = { PORT: String(await freePort()), HOST: '127.0.0.1', DATA_DIR: join(image.folder, 'data') };
    const first = await startImage(image, { ...env, JWT_SECRET });
    closing.push(() => first.stop());
    expect(await (await fetch(first.url)).text()).toContain('<div id="root">');
    // what would give tokens to anybody is off where others can reach it
    expect((await fetch(`${first.url}/demo/users`)).status).toBe(404);
    const socket = io(first.url, { auth: { token: token('sam') }, transports: ['websocket'], forceNew: true });
    closing.push(() => socket.disconnect());
    const headers = { authorization: `Bearer ${token('sam')}` };
    const opened = await fetch(`${first.url}/api/chat/conversation/tom`, { headers });
    const { data } = (await opened.json()) as { data: { _id: string } };
    const sent = await socket.timeout(10_000).emitWithAck('send:message', { conversationId: data._id, text: 'kept' });
    expect(sent).toMatchObject({ success: true });
    expect(await first.stop()).toBe(0);

    const second = await startImage(image, { ...env, JWT_SECRET });
    closing.push(() => second.stop());
    const history = await fetch(`${second.url}/api/chat/conversation/${data._id}/messages`, { headers });
    expect(await history.json()).toMatchObject({ data: [{ text: 'kept' }] });
    expect(await second.stop()).toBe(0);
  });
});

describe('dead letters', () => {
  it('are listed and dropped in the image of the worker, as the runbook says', async () => {
    const worker = services.receipts?.[0];
    if (!worker) throw new Error('no worker');
    const run = (...args: string[]) =>
      runInImage(worker.image, worker.env, ['node', 'dist/dead-letters/main.js', ...args]);
    expect(readFileSync(join(root, 'docs/runbooks.md'), 'utf8')).toContain('`node dist/dead-letters/main.js list`');
    expect(await run('list')).toEqual({ code: 0, output: '0 dead letters\n' });
    const bus = new Redis(redis.url);
    await bus.xadd('confab:receipts:{r0}', '*', 'nonsense', 'of no version');
    await eventually(
      async () => expect((await run('list')).output).toMatch(/^0:\d+-\d+ .*\n1 dead letters\n$/s),
      20_000,
    );
    await bus.quit();
    expect(await run('drop', '--all')).toEqual({ code: 0, output: '1 dropped\n' });
  });
});

describe('metrics', () => {
  it('every metric that the dashboard, the alerts and the autoscalers read is exported by a running service', async () => {
    const running = Object.values(services).flat();
    const texts = await Promise.all(running.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const exported = metricNamesOf(texts.join('\n'));
    const named = [...namesInDashboard(), ...namesInAlerts(), ...namesInAdapter()];
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !exported.has(name))).toEqual([]);
  });

  it('measured the messages of these tests, through the stream', async () => {
    const texts = await Promise.all(
      (services.gateway ?? []).map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
    );
    const counts = [...texts.join('\n').matchAll(/^confab_gateway_push_latency_seconds_count\{[^}]*\} (\d+)/gm)];
    expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBeGreaterThan(0);
  });
});

describe('the end', () => {
  it('every service ends by itself on SIGTERM, with exit code 0', async () => {
    for (const service of Object.values(services).flat()) expect(await service.stop()).toBe(0);
  });
});
