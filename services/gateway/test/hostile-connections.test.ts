import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually, untilClosed } from '@confab/testkit';
import {
  clientFrame,
  type Flood,
  floods,
  floodUntilCut,
  type RawWebSocket,
  rawWebSocket,
} from '@confab/testkit/attacks';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connected, emit, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

let test: TestGateway;
afterEach(() => test.close());

const rawSocket = () => rawWebSocket({ port: test.gateway.port });

/** @returns milliseconds until the flood was cut */
const flood = (socket: RawWebSocket, what: Flood) => floodUntilCut(socket, what, { giveUpMs: 6_000 });

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('before authentication', () => {
  it.each(floods.map((each) => [each.name, each] as const))(
    // What it costs in memory is measured by row 26 of the fault suite, at a gateway in a process of its own: here the attacker's
    // buffers would count too.
    'cuts a flood of %s within 2 s',
    async (_name, what) => {
      test = await startGateway();
      expect(await flood(await rawSocket(), what)).toBeLessThan(2_000);
    },
  );

  it('cuts whoever says nothing after 2 s', async () => {
    test = await startGateway();
    const startedAt = performance.now();
    const socket = await rawSocket();
    await untilClosed(socket);
    expect(performance.now() - startedAt).toBeGreaterThan(1_500);
    expect(performance.now() - startedAt).toBeLessThan(3_500);
  });

  it('cuts whoever does not finish the first request within 5 s', async () => {
    test = await startGateway();
    const socket = connect(test.gateway.port, '127.0.0.1');
    socket.on('error', () => {});
    const startedAt = performance.now();
    const drip = setInterval(() => socket.write('x'), 500);
    socket.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    socket.resume();
    await untilClosed(socket);
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });

  it('tells browsers not to guess what an answer is', async () => {
    test = await startGateway();
    for (const headers of [{}, { origin: 'http://evil.example' }]) {
      const answer = await fetch(`${test.url}/socket.io/?EIO=4&transport=polling`, { headers });
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('cuts a connection whose user has too many sockets, however often it tries, within the time to be counted in', async () => {
    test = await startGateway({ config: { MAX_SOCKETS_PER_USER: 1 } });
    await connected(test.client(tokenOf('u1')));
    const raw = new WebSocket(`ws://127.0.0.1:${test.gateway.port}/socket.io/?EIO=4&transport=websocket`);
    await once(raw, 'open');
    const connect = () =>
      raw.readyState === WebSocket.OPEN && raw.send(`40${JSON.stringify({ token: tokenOf('u1') })}`);
    const tries = setInterval(connect, 900);
    connect();
    const startedAt = performance.now();
    await untilClosed(raw);
    clearInterval(tries);
    expect(performance.now() - startedAt).toBeLessThan(11_000);
  });

  it('cuts a client whose socket said goodbye and that stays', async () => {
    test = await startGateway();
    const raw = new WebSocket(`ws://127.0.0.1:${test.gateway.port}/socket.io/?EIO=4&transport=websocket`);
    await once(raw, 'open');
    raw.send(`40${JSON.stringify({ token: tokenOf('u1') })}`);
    await eventually(() => expect(test.gateway.stats.sockets).toBe(1));
    raw.send('41');
    await eventually(() => expect(test.gateway.stats.sockets).toBe(0));
    await untilClosed(raw);
  });
});

describe('a client that does not read', () => {
  /** 20 KB that no compression or cache makes smaller. */
  const payload = JSON.stringify({ text: 'x'.repeat(20_000) });

  async function stoppedClient(userId: string) {
    const raw = new WebSocket(`ws://127.0.0.1:${test.gateway.port}/socket.io/?EIO=4&transport=websocket`);
    await once(raw, 'open');
    raw.send(`40${JSON.stringify({ token: tokenOf(userId) })}`);
    await eventually(() => expect(test.gateway.stats.sockets).toBeGreaterThan(0));
    raw.pause();
    return raw;
  }

  it('is cut within 10 s, holds at most 2 MB, and others go on', async () => {
    test = await startGateway();
    await stoppedClient('slow');
    const fast = await test.connect(tokenOf('fast'));
    let received = 0;
    fast.on('new:message', () => {
      received += 1;
    });
    let sent = 0;
    let peak = 0;
    let overAt = 0;
    let cutAt = 0;
    const startedAt = performance.now();
    while (!cutAt && performance.now() - startedAt < 20_000) {
      await test.publish({ payload }, ['slow', 'fast']);
      sent += 1;
      await pause(1);
      const held = test.gateway.stats.heldBytes;
      peak = Math.max(peak, held);
      if (!overAt && held > 1024 ** 2) overAt = performance.now();
      if (overAt && test.gateway.stats.sockets === 1) cutAt = performance.now();
    }
    console.log(
      `cut ${Math.round(cutAt - overAt)} ms after 1 MB, peak ${(peak / 1024 ** 2).toFixed(2)} MB, ${sent} sent`,
    );
    expect(cutAt).toBeGreaterThan(0);
    expect(cutAt - overAt).toBeLessThan(10_000);
    expect(peak).toBeLessThanOrEqual(2 * 1024 ** 2);
    await eventually(() => expect(received).toBe(sent));
    await eventually(() => expect(test.gateway.stats.heldBytes).toBe(0));
    expect(await (await fetch(`${test.url}/metrics`)).text()).toMatch(
      /sessions_ended_total\{code="SLOW_CONSUMER".*\} 1/,
    );
  });

  it('is cut as well if it holds between 1 and 2 MB for too long', async () => {
    test = await startGateway();
    await stoppedClient('slow');
    const startedAt = performance.now();
    while (test.gateway.stats.heldBytes < 1.2 * 1024 ** 2)
      await test.publish({ payload }, ['slow']).then(() => pause(1));
    await eventually(() => expect(test.gateway.stats.sockets).toBe(0), 12_000);
    console.log(`cut ${Math.round(performance.now() - startedAt)} ms after it began`);
    await eventually(() => expect(test.gateway.stats.heldBytes).toBe(0));
  });

  it('is cut as well while it polls over HTTP and does not come back', async () => {
    test = await startGateway();
    const socket = await test.connect(tokenOf('poller'), { transports: ['polling'] });
    // The client's next polls hang before they are sent.
    (socket.io.engine.transport as unknown as { doPoll(): void }).doPoll = () => {};
    while (test.gateway.stats.heldBytes < 1.2 * 1024 ** 2)
      await test.publish({ payload }, ['poller']).then(() => pause(1));
    await eventually(() => expect(test.gateway.stats.sockets).toBe(0), 12_000);
  });

  it('does not include one that reads a burst of 8 MB', async () => {
    test = await startGateway();
    const fast = await test.connect(tokenOf('fast'));
    let received = 0;
    fast.on('new:message', () => {
      received += 1;
    });
    await Promise.all(Array.from({ length: 400 }, () => test.publish({ payload }, ['fast'])));
    await eventually(() => expect(received).toBe(400), 10_000);
    expect(fast.connected).toBe(true);
    expect((await emit(fast, 'no:such')).error?.code).toBe('VALIDATION_FAILED');
  });
});

it.each([
  ['acks', '43999["x"]'],
  ['heartbeats', '3'],
])('cuts an authenticated client that floods with %s', async (_name, packet) => {
  test = await startGateway();
  const raw = new WebSocket(`ws://127.0.0.1:${test.gateway.port}/socket.io/?EIO=4&transport=websocket`);
  await once(raw, 'open');
  raw.send(`40${JSON.stringify({ token: tokenOf('u1') })}`);
  await eventually(() => expect(test.gateway.stats.sockets).toBe(1));
  const received: string[] = [];
  raw.on('message', (data) => received.push(data.toString()));
  const closed = untilClosed(raw);
  for (let i = 0; i < 1_000; i += 1) raw.send(packet);
  await closed;
  expect(received.join()).toContain('"code":"ABUSE"');
});

it.each(floods.map((each) => [each.name, each] as const))(
  'cuts an authenticated client that floods with %s and reads nothing',
  async (_name, what) => {
    test = await startGateway();
    const socket = await rawSocket();
    socket.write(clientFrame(0x1, Buffer.from(`40${JSON.stringify({ token: tokenOf('u1') })}`)));
    await eventually(() => expect(test.gateway.stats.sockets).toBe(1));
    expect(await flood(socket, what)).toBeLessThan(5_000);
    await eventually(() => expect(test.gateway.stats.sockets).toBe(0));
  },
);

it('finds a half-open connection by its heartbeat', async () => {
  test = await startGateway({ config: { PING_INTERVAL_MS: 300, PING_TIMEOUT_MS: 200 } });
  const socket = await rawSocket();
  socket.write(clientFrame(0x1, Buffer.from(`40${JSON.stringify({ token: tokenOf('u1') })}`)));
  await eventually(() => expect(test.gateway.stats.sockets).toBe(1));
  // It never answers a ping.
  await eventually(() => expect(test.gateway.stats.sockets).toBe(0), 5_000);
});
