import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createChatClient } from './client.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { FakeSocket } from './testing/fake-server.ts';
import { ManualEnvironment, settle } from './testing/manual-environment.ts';
import { tokenOf } from './testing/records.ts';
import { type TokenOption, TokenSource } from './token-source.ts';

function setUp(token: TokenOption = tokenOf('ana')) {
  const environment = new ManualEnvironment();
  const socket = new FakeSocket(async () => undefined);
  const opened: string[] = [];
  const states: ConnectionState[] = [];
  const connection = new Connection(socket, new TokenSource(token), environment, {
    changed: (state) => states.push(state),
    opened: (used) => opened.push(used),
    closed: () => undefined,
  });
  return { environment, socket, connection, opened, states };
}

/** A server that takes connections and never says anything. */
async function silentServer() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('closed while it connects', () => {
  it('connects again when it is opened again', async () => {
    const { connection, socket, opened } = setUp();
    socket.reachable = false;
    connection.open();
    await settle();
    connection.close();
    socket.reachable = true;
    connection.open();
    await settle();
    expect(opened).toEqual([tokenOf('ana')]);
  });

  it('knocks at the server again, with the real socket', async () => {
    const { server, url } = await silentServer();
    const client = createChatClient({ url, token: tokenOf('ana') });
    onTestFinished(() => client.close());
    for (let round = 0; round < 2; round++) {
      const knocked = once(server, 'connection');
      client.connect();
      await knocked;
      client.close();
    }
  });

  it('connects once, with the newer attempt, where the token of the older one comes late', async () => {
    const given: ((token: string) => void)[] = [];
    const { connection, socket, opened } = setUp(() => new Promise((resolve) => given.push(resolve)));
    connection.open();
    await settle();
    connection.close();
    connection.open();
    given[0]?.(tokenOf('ana'));
    await settle();
    expect([socket.connects, opened]).toEqual([1, [tokenOf('ana')]]);
  });

  it('stays closed, without a word, where the token function fails afterwards', async () => {
    const given: ((error: Error) => void)[] = [];
    const { environment, connection, socket, states } = setUp(() => new Promise((_, reject) => given.push(reject)));
    connection.open();
    await settle();
    connection.close();
    const told = states.length;
    given[0]?.(new TypeError('fetch failed'));
    await environment.advance(60_000);
    expect([socket.connects, states.length]).toEqual([0, told]);
  });
});

describe('a network that comes and goes', () => {
  const abuse = { code: 'ABUSE', reconnect: 'no', message: 'ABUSE' };

  it('makes no connection that waits for a call of connect', async () => {
    const { environment, connection, socket } = setUp();
    connection.open();
    await settle();
    socket.receive('session:end', abuse);
    socket.disconnect();
    for (const online of [false, true, false]) {
      environment.network(online);
      await environment.advance(60_000);
      expect(connection.state).toEqual({ status: 'offline', reason: 'ABUSE', needs: 'connect' });
    }
    expect(socket.connects).toBe(1);
    connection.open();
    await settle();
    expect(connection.state.status).toBe('syncing');
  });

  it('does not hide an end that was told before the loss', async () => {
    const { environment, connection, socket } = setUp();
    connection.open();
    await settle();
    socket.receive('session:end', abuse);
    environment.network(false);
    await environment.advance(60_000);
    expect([connection.state.needs, socket.connects]).toEqual(['connect', 1]);
  });

  it('leaves no timer behind that tries again after a refusal for good', async () => {
    const { environment, connection, socket } = setUp();
    socket.reachable = false;
    connection.open();
    await settle();
    environment.network(false);
    const data = { code: 'FORBIDDEN', message: 'This user may not chat' };
    socket.receive('connect_error', Object.assign(new Error(data.message), { data }));
    await environment.advance(60_000);
    expect([connection.state.needs, socket.connects]).toEqual(['connect', 1]);
  });

  it('connects at once when it is back', async () => {
    const { environment, connection, socket } = setUp();
    connection.open();
    await settle();
    environment.network(false);
    expect(connection.state).toMatchObject({ status: 'offline', reason: 'NO_NETWORK', needs: 'network' });
    environment.network(true);
    await settle();
    expect([connection.state.status, socket.connects]).toEqual(['syncing', 2]);
  });
});
