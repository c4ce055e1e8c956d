import { describe, expect, it } from 'vitest';
import { createChatClient } from './client.ts';
import type { ConnectionState } from './connection.ts';
import type { OutboxStorage } from './outbox.ts';
import { FakeServer } from './testing/fake-server.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { CONVERSATION, type message, tokenOf } from './testing/records.ts';
import type { TokenOption } from './token-source.ts';

function setUp(token: TokenOption = tokenOf('ana'), outbox?: OutboxStorage) {
  const server = new FakeServer();
  const environment = new ManualEnvironment();
  environment.fetch = (...args) => server.fetch(...args);
  const { socket } = server;
  const client = createChatClient({ url: 'http://fake', token, environment, socket, ...(outbox && { outbox }) });
  const states: ConnectionState['status'][] = [];
  client.on('connection', ({ status }) => states.push(status));
  const seqs = () =>
    client
      .messages(CONVERSATION)
      .get()
      .messages.map((shown) => shown.seq);
  const texts = () =>
    client
      .messages(CONVERSATION)
      .get()
      .messages.map((shown) => shown.text);
  return { server, environment, client, states, seqs, texts };
}

describe('joining the stream', () => {
  it('shows connecting, syncing, live', async () => {
    const { client, environment, states } = setUp();
    client.connect();
    await environment.advance(0);
    expect(states).toEqual(['connecting', 'syncing', 'live']);
  });

  it('has no gap and no double where snapshot and events overlap', async () => {
    const { server, client, environment, seqs } = setUp();
    for (let n = 0; n < 5; n++) server.store('ben');
    server.beforeSync.push(() => server.store('ben'));
    server.afterSync.push(() => server.store('ben'));
    client.connect();
    await environment.advance(0);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(client.unread.get()).toBe(7);
  });

  it('catches up what was missed while it was away', async () => {
    const { server, client, environment, seqs, states } = setUp();
    server.store('ben');
    client.connect();
    await environment.advance(0);
    server.socket.disconnect();
    for (let n = 0; n < 3; n++) server.store('ben', {}, false);
    await environment.advance(5_000);
    expect(seqs()).toEqual([1, 2, 3, 4]);
    expect(states.slice(3)).toEqual(['connecting', 'connecting', 'syncing', 'live']);
  });

  it('catches up part by part in more conversations than one call may name', async () => {
    const { server, client, environment, seqs, states } = setUp();
    server.otherConversations = Array.from({ length: 2_300 }, (_, i) => i.toString(16).padStart(24, '0'));
    server.store('ben');
    client.connect();
    await environment.advance(0);
    expect(server.named).toEqual([1_000, 1_000, 301]);
    server.socket.disconnect();
    for (let n = 0; n < 3; n++) server.store('ben', {}, false);
    await environment.advance(5_000);
    expect(seqs()).toEqual([1, 2, 3, 4]);
    expect(states.at(-1)).toBe('live');
  });
});

describe('a live message whose seq jumps', () => {
  it('makes the client ask for what is between', async () => {
    const { server, client, environment, seqs } = setUp();
    client.connect();
    await environment.advance(0);
    server.store('ben', {}, false);
    server.store('ben');
    expect(seqs()).toEqual([2]);
    await environment.advance(300);
    expect(seqs()).toEqual([1, 2]);
    expect(server.syncs).toBe(2);
  });

  it('asks nothing when the missing one was only overtaken', async () => {
    const { server, client, environment, seqs } = setUp();
    client.connect();
    await environment.advance(0);
    const first = server.store('ben', {}, false);
    server.store('ben');
    await environment.advance(100);
    server.socket.receive('new:message', { message: first });
    await environment.advance(1_000);
    expect([seqs(), server.syncs]).toEqual([[1, 2], 1]);
  });
});

describe('sending', () => {
  it('shows a message at once, and once, under one key', async () => {
    const { client, environment } = setUp();
    client.connect();
    await environment.advance(0);
    client.send(CONVERSATION, { text: 'hello' });
    const [before] = client.messages(CONVERSATION).get().messages;
    expect(before).toMatchObject({ text: 'hello', state: 'sending', own: true });
    await environment.advance(0);
    const { messages } = client.messages(CONVERSATION).get();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({ key: before?.key, state: 'sent', seq: 1 });
  });

  it('does not double a message whose ack was lost', async () => {
    const { server, client, environment, texts } = setUp();
    client.connect();
    await environment.advance(0);
    server.sending = 'lost';
    client.send(CONVERSATION, { text: 'once' });
    await environment.advance(100);
    server.sending = 'answered';
    await environment.advance(20_000);
    expect(server.messages).toHaveLength(1);
    expect(texts()).toEqual(['once']);
    expect(client.messages(CONVERSATION).get().messages[0]?.state).toBe('sent');
  });

  it('keeps what is written offline, in order, and sends it after catching up', async () => {
    const { server, client, environment, texts } = setUp();
    client.connect();
    await environment.advance(0);
    environment.network(false);
    server.store('ben', { text: 'meanwhile' }, false);
    for (const text of ['one', 'two']) client.send(CONVERSATION, { text });
    expect(client.connection.get()).toMatchObject({ status: 'offline', reason: 'NO_NETWORK' });
    environment.network(true);
    await environment.advance(1_000);
    expect(texts()).toEqual(['meanwhile', 'one', 'two']);
    expect(server.messages.map((stored) => stored.text)).toEqual(['meanwhile', 'one', 'two']);
  });
});

describe('while it is not connected', () => {
  /** A client that is live, whose REST calls and errors are counted from then on. */
  async function live() {
    const test = setUp();
    const { client, environment, server } = test;
    const rest: string[] = [];
    const errors: unknown[] = [];
    const answer = server.fetch;
    const network = { up: true };
    server.fetch = (input, init) => {
      rest.push(String(input));
      return network.up ? answer(input, init) : Promise.reject(new TypeError('no network'));
    };
    client.on('error', (error) => errors.push(error));
    client.connect();
    await environment.advance(0);
    rest.length = 0;
    // The server is there for REST only from now on, as behind a proxy that lets no socket through.
    server.socket.reachable = false;
    return { ...test, rest, errors, network };
  }

  it('asks for nothing after close, whatever waited for the snapshot that was being taken', async () => {
    const { client, server, environment, rest, errors, network } = await live();
    server.beforeSync.push(() => server.socket.receive('sync:required', {}));
    server.afterSync.push(() => {
      network.up = false;
      client.close();
    });
    server.socket.receive('sync:required', {});
    await environment.advance(120_000);
    expect([rest.map((path) => path.split('/').at(-1)), errors]).toEqual([['conversations', 'sync'], []]);
  });

  it('applies what waited all the same', async () => {
    const { client, server, environment, seqs } = await live();
    server.beforeSync.push(() => server.store('ben'));
    server.afterSync.push(() => client.close());
    server.socket.receive('sync:required', {});
    await environment.advance(0);
    expect(seqs()).toEqual([1]);
  });

  it('does not bring a conversation back that the user was removed from while the list was on its way', async () => {
    const { client, server, environment } = await live();
    const answer = server.fetch;
    let late = () => {};
    const held = new Promise<void>((resolve) => {
      late = resolve;
    });
    server.fetch = async (input, init) => {
      const reply = await answer(input, init);
      await held;
      return reply;
    };
    server.socket.receive('sync:required', {});
    await environment.advance(0);
    const left = { conversations: [], left: [CONVERSATION], more: false };
    server.fetch = async (input) => new Response(JSON.stringify({ data: String(input).endsWith('/sync') ? left : [] }));
    server.socket.disconnect();
    server.socket.reachable = true;
    await environment.advance(5_000);
    expect([client.connection.get().status, client.conversations.get()]).toEqual(['live', []]);
    late();
    await environment.advance(0);
    expect(client.conversations.get()).toEqual([]);
  });

  it('does not look after a gap, and lets messages wait instead of failing', async () => {
    const { client, server, environment, rest } = await live();
    server.store('ben', {}, false);
    server.store('ben');
    server.socket.disconnect();
    client.send(CONVERSATION, { text: 'later' });
    await environment.advance(60_000);
    expect([client.messages(CONVERSATION).get().messages.at(-1)?.state, rest]).toEqual(['queued', []]);
    server.socket.reachable = true;
    client.close();
    client.connect();
    await environment.advance(0);
    expect(server.messages.at(-1)?.text).toBe('later');
  });
});

describe('a storage that fails', () => {
  it('is told by an error event, and the message goes out', async () => {
    const full = () => {
      throw new Error('quota exceeded');
    };
    const { server, client, environment } = setUp(tokenOf('ana'), { load: () => [], save: full });
    const errors: string[] = [];
    client.on('error', ({ code, message }) => errors.push(`${code} ${message}`));
    client.connect();
    await environment.advance(0);
    client.send(CONVERSATION, { text: 'hello' });
    await environment.advance(0);
    expect(server.messages.map((stored) => stored.text)).toEqual(['hello']);
    expect(errors[0]).toBe('OUTBOX_STORAGE The outbox could not save unsent messages: quota exceeded');
  });
});

describe('a conversation with many messages', () => {
  async function many() {
    const test = setUp();
    test.client.connect();
    await test.environment.advance(0);
    return test;
  }
  const store = (server: FakeServer, count: number) => {
    for (let n = 0; n < count; n++) server.store('ben');
  };

  it('that is not open is held in part, and counted in full', async () => {
    const { client, server, seqs } = await many();
    store(server, 2_000);
    expect([seqs().length, seqs()[0], client.unread.get()]).toEqual([300, 1_701, 2_000]);
    expect(client.messages(CONVERSATION).get().hasOlder).toBe(true);
    await client.loadOlder(CONVERSATION);
    expect([seqs().length, seqs()[0]]).toEqual([350, 1_651]);
  });

  it('that was missed is held in part too, and told in full', async () => {
    const { client, server, environment, seqs } = await many();
    let told = 0;
    client.on('message', () => told++);
    server.socket.disconnect();
    for (let n = 0; n < 400; n++) server.store('ben', {}, false);
    await environment.advance(5_000);
    expect([told, seqs().length, client.unread.get()]).toEqual([400, 300, 400]);
  });

  it('is held as far as it was loaded while it is open', async () => {
    const { client, server, seqs } = await many();
    store(server, 400);
    const close = client.open(CONVERSATION);
    await client.loadThrough(CONVERSATION, 1);
    store(server, 100);
    expect([seqs().length, client.messages(CONVERSATION).get().hasOlder]).toEqual([500, false]);
    close();
    expect([seqs().length, client.messages(CONVERSATION).get().hasOlder]).toEqual([300, true]);
  });
});

describe('typing', () => {
  it('is told again after a short disconnection', async () => {
    const { client, server, environment } = setUp();
    client.connect();
    await environment.advance(0);
    client.notifyTyping(CONVERSATION);
    server.socket.disconnect();
    client.notifyTyping(CONVERSATION);
    await environment.advance(1_000);
    expect(client.connection.get().status).toBe('live');
    client.notifyTyping(CONVERSATION);
    expect(server.socket.emitted.filter((event) => event === 'typing:start')).toHaveLength(2);
  });
});

describe('the end of a session', () => {
  const end = (code: string, reconnect: string) => ({ code, reconnect, message: code });

  it('is followed by another connection where the gateway says so', async () => {
    const { server, client, environment } = setUp();
    client.connect();
    await environment.advance(0);
    server.socket.receive('session:end', end('DRAINING', 'yes'));
    server.socket.disconnect();
    await environment.advance(3_000);
    expect(client.connection.get().status).toBe('live');
  });

  it('fetches another token where that is what it takes', async () => {
    let serial = 0;
    const { server, client, environment } = setUp(async () => tokenOf('ana', ++serial));
    client.connect();
    await environment.advance(0);
    server.socket.receive('session:end', end('TOKEN_EXPIRED', 'new-token'));
    server.socket.disconnect();
    await environment.advance(1_000);
    expect(client.connection.get().status).toBe('live');
    expect(server.socket.auth).toEqual({ token: tokenOf('ana', 2) });
  });

  it('is final with a fixed token, and where the gateway says no', async () => {
    for (const [code, reconnect, needs] of [
      ['TOKEN_EXPIRED', 'new-token', 'token'],
      ['ABUSE', 'no', 'connect'],
    ] as const) {
      const { server, client, environment } = setUp();
      client.connect();
      await environment.advance(0);
      server.socket.receive('session:end', end(code, reconnect));
      server.socket.disconnect();
      await environment.advance(60_000);
      expect(client.connection.get()).toMatchObject({ status: 'offline', reason: code, needs });
      expect(server.socket.connected).toBe(false);
    }
  });
});

describe('a connection that is refused', () => {
  it('for too many connections is tried again when the server said, and not before', async () => {
    const { server, client, environment } = setUp();
    client.connect();
    await environment.advance(0);
    server.socket.connected = false;
    const code = 'TOO_MANY_CONNECTIONS';
    const data = { code, message: 'This user has too many connections', retryAfter: 30 };
    server.socket.receive('connect_error', Object.assign(new Error(data.message), { data }));
    expect(client.connection.get()).toMatchObject({
      ...{ status: 'offline', reason: code },
      retryAt: environment.now() + 30_000,
    });
    await environment.advance(29_000);
    expect(server.socket.connected).toBe(false);
    await environment.advance(1_000);
    expect(client.connection.get().status).toBe('live');
  });
});

describe('what others do', () => {
  it('moves status up and never down', async () => {
    const { server, client, environment } = setUp();
    client.connect();
    await environment.advance(0);
    client.send(CONVERSATION, { text: 'hello' });
    await environment.advance(0);
    const state = () => client.messages(CONVERSATION).get().messages[0]?.state;
    const { _id: messageId } = server.messages[0]!;
    const read = { conversationId: CONVERSATION, messageIds: [messageId], readBy: 'ben', readSeq: 1 };
    server.socket.receive('messages:read', read);
    expect(state()).toBe('read');
    server.socket.receive('message:delivered', { messageId, conversationId: CONVERSATION, seq: 1, deliveredTo: 'ben' });
    expect(state()).toBe('read');
  });

  it('takes a deletion for everyone in place, and one for oneself away', async () => {
    const { server, client, environment, texts } = setUp();
    const [first, second] = [server.store('ben'), server.store('ben')];
    client.connect();
    await environment.advance(0);
    const deleted = ({ _id, seq }: ReturnType<typeof message>, deletedForEveryone: boolean) =>
      server.socket.receive('message:deleted', {
        messageId: _id,
        conversationId: CONVERSATION,
        seq,
        changeSeq: 1,
        deletedForEveryone,
      });
    deleted(first, true);
    deleted(second, false);
    expect(texts()).toEqual([null]);
    expect(client.unread.get()).toBe(0);
  });
});
