import type { ReadReceipt, ReceiptEvent } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CONVERSATION,
  emit,
  memoryBuses,
  next,
  reply,
  startApiStandIn,
  startGateway,
  type TestGateway,
  tokenOf,
} from './start-gateway.ts';

const FOREIGN = 'f'.repeat(24);
let test: TestGateway;
let standIn: Awaited<ReturnType<typeof startApiStandIn>>;
const buses = memoryBuses();
const seen: ReceiptEvent[] = [];

beforeAll(async () => {
  standIn = await startApiStandIn(['ann', 'bob']);
  test = await startGateway({
    buses,
    config: { API_URL: standIn.url, EVENTS_PER_SECOND: 200, MAX_SOCKETS_PER_USER: 50 },
  });
  const { consumer } = buses.bus.worker();
  void (async () => {
    for await (const batch of consumer.batches()) for (const { event } of batch) if (event) seen.push(event);
  })();
});
afterAll(async () => {
  await test.close();
  await standIn.close();
});

let ann: Socket;
let bob: Socket;
beforeEach(async () => {
  ann = await test.connect(tokenOf('ann'));
  bob = await test.connect(tokenOf('bob'));
});
afterEach(() => {
  standIn.state.answer = undefined;
  ann.close();
  bob.close();
});

describe('send:message', () => {
  const body = { conversationId: CONVERSATION, text: 'Hello!', messageType: 'text' };

  it('is stored by the api with the user’s own token, acknowledged and confirmed', async () => {
    const sent = next<Record<string, unknown>>(ann, 'message:sent');
    const { success, data } = await emit(ann, 'send:message', { ...body, clientMessageId: 'c1' });
    expect(success).toBe(true);
    expect(data).toMatchObject({ conversationId: CONVERSATION, message: { text: 'Hello!', clientMessageId: 'c1' } });
    expect(await sent).toEqual({
      messageId: data?.messageId,
      conversationId: CONVERSATION,
      seq: data?.seq,
      clientMessageId: 'c1',
      createdAt: '2024-01-01T00:00:00.000Z',
    });
    const { url, method, headers, body: asked } = standIn.seen.at(-1) ?? { url: '', method: '', headers: {}, body: '' };
    expect([method, url, JSON.parse(asked)]).toEqual(['POST', '/api/chat/message', { ...body, clientMessageId: 'c1' }]);
    expect(headers['x-forwarded-for']).toBe('127.0.0.1');
    expect(headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('keeps the order of one socket’s messages', async () => {
    standIn.state.answer = (request) => {
      // The first is the slowest: were they sent at once, it would come last.
      const { text } = JSON.parse(request.body);
      if (text !== '0') return false;
      standIn.state.answer = undefined;
      return false;
    };
    const acks = await Promise.all([0, 1, 2, 3, 4].map((n) => emit(ann, 'send:message', { ...body, text: String(n) })));
    const seqs = acks.map((ack) => ack.data?.seq as number);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });

  it('tells the api’s refusal as it is', async () => {
    standIn.state.answer = (_request, response) => {
      reply(response, 429, {
        success: false,
        error: { code: 'RATE_LIMITED', message: 'Slow down', retryAfter: 17 },
        retryAfter: 17,
      });
      return true;
    };
    expect(await emit(ann, 'send:message', body)).toEqual({
      success: false,
      error: { code: 'RATE_LIMITED', message: 'Slow down', retryAfter: 17 },
    });
  });

  it.each<[string, string]>([
    ['no JSON', '<html>502 Bad Gateway</html>'],
    ['an unknown code', '{"success":false,"error":{"code":"constructor","message":"x"}}'],
  ])('tells UNAVAILABLE for %s', async (_name, text) => {
    standIn.state.answer = (_request, response) => {
      response.writeHead(502).end(text);
      return true;
    };
    expect((await emit(ann, 'send:message', body)).error).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 1 });
  });

  it('emits an error event, with the client’s message id, to a socket that gave no ack', async () => {
    const error = next(ann, 'error');
    ann.emit('send:message', { conversationId: FOREIGN, text: 7, clientMessageId: 'mine' });
    expect(await error).toEqual({
      code: 'VALIDATION_FAILED',
      message: expect.any(String),
      field: 'text',
      event: 'send:message',
      clientMessageId: 'mine',
    });
  });

  it('refuses more than may wait, before it queues without bound', async () => {
    standIn.state.answer = () => true;
    const pending = Array.from({ length: 60 }, (_, n) =>
      emit(ann, 'send:message', { ...body, conversationId: n.toString(16).padStart(24, '0') }),
    );
    const codes = (await Promise.all(pending)).map((ack) => ack.error?.code);
    expect(codes.filter((code) => code === 'OVERLOADED').length).toBeGreaterThanOrEqual(50);
    expect(codes.filter((code) => code === 'UNAVAILABLE').length).toBe(8);
  });
});

describe('join, typing and read', () => {
  it('acknowledges a join of one’s own conversation', async () => {
    expect(await emit(ann, 'join:conversation', { conversationId: CONVERSATION })).toEqual({
      success: true,
      data: { conversationId: CONVERSATION },
    });
    expect((await emit(ann, 'leave:conversation', { conversationId: CONVERSATION })).success).toBe(true);
  });

  it.each(['join:conversation', 'typing:start', 'typing:stop', 'message:read'])(
    'answers %s in a foreign conversation as in one that does not exist',
    async (event) => {
      const eve = await test.connect(tokenOf('eve'));
      const foreign = await emit(eve, event, { conversationId: CONVERSATION });
      standIn.state.participants = [];
      const unknown = await emit(eve, event, { conversationId: FOREIGN });
      standIn.state.participants = ['ann', 'bob'];
      expect(foreign).toEqual({ success: false, error: { code: 'NOT_FOUND', message: 'Not found' } });
      expect(unknown).toEqual(foreign);
    },
  );

  it('shows typing to the others without a join, not to the one who types, and stops when they go', async () => {
    const otherDevice = await test.connect(tokenOf('ann'));
    const echoes: string[] = [];
    for (const socket of [ann, otherDevice]) socket.onAny((event) => echoes.push(event));
    const start = next(bob, 'typing:start');
    await emit(ann, 'typing:start', { conversationId: CONVERSATION });
    expect(await start).toEqual({ conversationId: CONVERSATION, userId: 'ann' });
    const stop = next(bob, 'typing:stop');
    ann.disconnect();
    expect(await stop).toEqual({ conversationId: CONVERSATION, userId: 'ann' });
    expect(echoes).toEqual([]);
  });

  it('sends one typing:start for many, and stops on leaving', async () => {
    const got: string[] = [];
    bob.onAny((event) => got.push(event));
    for (let i = 0; i < 10; i += 1) await emit(ann, 'typing:start', { conversationId: CONVERSATION });
    await emit(ann, 'leave:conversation', { conversationId: CONVERSATION });
    await eventually(() => expect(got).toContain('typing:stop'));
    expect(got).toEqual(['typing:start', 'typing:stop']);
  });

  it('appends a read receipt', async () => {
    const messageIds = ['1'.repeat(24), '2'.repeat(24)];
    expect((await emit(bob, 'message:read', { conversationId: CONVERSATION, messageIds })).success).toBe(true);
    const read = await eventually(() => {
      const found = seen.find((event): event is ReadReceipt => event.type === 'read');
      expect(found).toBeDefined();
      return found;
    });
    expect(read).toMatchObject({ userId: 'bob', conversationId: CONVERSATION, messageIds });
  });

  it('asks the api once for many typing events, and anew after the members changed', async () => {
    const questions = () => standIn.seen.filter(({ method }) => method === 'GET').length;
    await emit(ann, 'typing:start', { conversationId: CONVERSATION });
    const before = questions();
    await Promise.all([ann, bob].map((socket) => emit(socket, 'typing:start', { conversationId: CONVERSATION })));
    expect(questions()).toBe(before);
    const updated = next(ann, 'conversation:updated');
    await test.publish(
      { event: 'conversation:updated', conversationId: CONVERSATION, payload: '{"change":"member-added"}' },
      ['ann'],
    );
    await updated;
    await emit(bob, 'typing:start', { conversationId: CONVERSATION });
    expect(questions()).toBe(before + 1);
  });
});

describe('malformed events', () => {
  const deep = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
  const good = { conversationId: CONVERSATION };
  const malformed: [string, unknown[]][] = [
    ['no payload', ['join:conversation']],
    ['null', ['join:conversation', null]],
    ['a string', ['join:conversation', 'x']],
    ['a number', ['join:conversation', 7]],
    ['a list', ['join:conversation', [good]]],
    ['an empty object', ['join:conversation', {}]],
    ['two payloads', ['join:conversation', good, good]],
    ['an unknown field', ['join:conversation', { ...good, x: 1 }]],
    ['an operator', ['join:conversation', { conversationId: { $ne: null } }]],
    ['a short id', ['join:conversation', { conversationId: 'a' }]],
    ['an id in capitals', ['join:conversation', { conversationId: 'A'.repeat(24) }]],
    ['a list as id', ['join:conversation', { conversationId: [CONVERSATION] }]],
    ['__proto__', ['join:conversation', JSON.parse(`{"conversationId":"${CONVERSATION}","__proto__":{"x":1}}`)]],
    ['constructor', ['join:conversation', { ...good, constructor: { prototype: {} } }]],
    ['9 levels', ['join:conversation', { conversationId: deep(9) }]],
    ['a buffer', ['join:conversation', Buffer.from('junk')]],
    ['a buffer as id', ['join:conversation', { conversationId: Buffer.alloc(24, 'a') }]],
    ['an unknown event', ['no:such', good]],
    ['an event of the server', ['new:message', good]],
    ['toString', ['toString', good]],
    ['__proto__ as a name', ['__proto__', good]],
    ['constructor as a name', ['constructor', good]],
    ['an empty name', ['', good]],
    ['an error event', ['error', good]],
    ['text too long', ['send:message', { ...good, text: 'x'.repeat(10_001) }]],
    ['text a number', ['send:message', { ...good, text: 7 }]],
    ['NUL in text', ['send:message', { ...good, text: 'a\0b' }]],
    ['a lone surrogate', ['send:message', { ...good, text: '\ud800' }]],
    [
      '1,000 media',
      ['send:message', { ...good, media: Array(1_000).fill({ url: 'https://a.example/1', type: 'image' }) }],
    ],
    ['a javascript: URL', ['send:message', { ...good, media: [{ url: 'javascript:alert(1)', type: 'image' }] }]],
    ['an unknown type', ['send:message', { ...good, text: 'x', messageType: 'html' }]],
    ['a clientMessageId with a line break', ['send:message', { ...good, text: 'x', clientMessageId: 'a\nb' }]],
    ['replyTo an operator', ['send:message', { ...good, text: 'x', replyTo: { $gt: '' } }]],
    ['9,000 ids', ['message:read', { ...good, messageIds: Array(9_000).fill('a'.repeat(24)) }]],
    ['ids no list', ['message:read', { ...good, messageIds: 'all' }]],
    ['ids of objects', ['message:read', { ...good, messageIds: [{ $ne: 1 }] }]],
    ['typing without an id', ['typing:start', { conversation: CONVERSATION }]],
    ['typing null', ['typing:stop', { conversationId: null }]],
  ];

  it.each(malformed)('acknowledges %s with VALIDATION_FAILED', async (_name, [event, ...args]) => {
    const ack = await emit(ann, event as string, ...args);
    expect(ack).toMatchObject({ success: false, error: { code: 'VALIDATION_FAILED', message: expect.any(String) } });
  });

  it('answers each with an error event where there is no ack, and goes on', async () => {
    const errors: { code: string }[] = [];
    ann.on('error', (error) => errors.push(error));
    for (const [, [event, ...args]] of malformed) ann.emit(event as string, ...args);
    await eventually(() => expect(errors).toHaveLength(malformed.length));
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['VALIDATION_FAILED']));
    expect((await emit(ann, 'join:conversation', { conversationId: CONVERSATION })).success).toBe(true);
  });

  /** What socket.io-client would not send: straight to the engine. */
  it.each([
    '2',
    '2[]',
    '2["join:conversation"',
    '2{"a":1}',
    '2[1,2]',
    '2[null]',
    '9',
    '',
    '2["disconnect"]',
    '2["connect",{}]',
    '3',
    '3[]',
    '399["x"]',
    '43',
    '51-["join:conversation",{"_placeholder":true,"num":0}]',
    '51-["x",{"_placeholder":true,"num":9}]',
    '5999999-["x"]',
    '5-1-["x"]',
    '2/admin,["x"]',
    '0/admin,',
    '0',
    '0{"token":7}',
    '21e309["x"]',
    '2\0',
    '4{"message":"x"}',
    '1',
  ])('survives the packet %j', async (packet) => {
    const socket = await test.connect(tokenOf('junk'));
    socket.io.engine.write(packet);
    socket.io.engine.write(Buffer.from([0, 1, 2, 255]) as unknown as string);
    expect((await emit(bob, 'join:conversation', { conversationId: CONVERSATION })).success).toBe(true);
    socket.close();
  });

  it.each([5_000, 100_000])('refuses %i levels of nesting, and its event loop does not stall', async (depth) => {
    const answer = next<{ code: string }>(ann, 'error');
    const startedAt = performance.now();
    ann.io.engine.write(`2["join:conversation",{"conversationId":${'['.repeat(depth)}${']'.repeat(depth)}}]`);
    expect((await answer).code).toBe('VALIDATION_FAILED');
    // In this process client and server share the loop: parsing and refusing together.
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it('cuts a connection that sends more than 256 KB at once', async () => {
    const socket = await test.connect(tokenOf('bomb'));
    const gone = next(socket, 'disconnect');
    socket.emit('send:message', { conversationId: CONVERSATION, text: 'x'.repeat(300_000) });
    await gone;
  });
});

it('limits events, and cuts a socket that goes on all the same', async () => {
  const strict = await startGateway({ config: { API_URL: standIn.url, EVENTS_PER_SECOND: 5 } });
  const socket = await strict.connect(tokenOf('ann'));
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 20; i += 1) {
    codes.push((await emit(socket, 'typing:stop', { conversationId: CONVERSATION })).error?.code);
  }
  expect(codes.slice(0, 15)).toEqual(Array(15).fill(undefined));
  expect(codes.slice(-3)).toEqual(Array(3).fill('RATE_LIMITED'));
  const ended = next(socket, 'session:end');
  for (let i = 0; i < 200; i += 1) socket.emit('no:such');
  expect(await ended).toMatchObject({ code: 'ABUSE', reconnect: 'no' });
  await eventually(() => expect(socket.connected).toBe(false));
  await strict.close();
});

it('answers UNAVAILABLE within 5 s without an api, and goes on pushing', async () => {
  const alone = await startGateway();
  const socket = await alone.connect(tokenOf('ann'));
  const startedAt = performance.now();
  const events = ['send:message', 'join:conversation', 'typing:start', 'message:read'];
  const acks = await Promise.all(
    events.map((event) =>
      emit(socket, event, { conversationId: CONVERSATION, ...(event === 'send:message' && { text: 'x' }) }),
    ),
  );
  expect(acks.map((ack) => ack.error)).toEqual(
    Array(4).fill(expect.objectContaining({ code: 'UNAVAILABLE', retryAfter: 1 })),
  );
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  const event = next(socket, 'new:message');
  await alone.publish({ payload: '{"alive":true}' }, ['ann']);
  expect(await event).toEqual({ alive: true });
  await alone.close();
});

it('answers UNAVAILABLE within 5 s when the api takes the request and never answers', async () => {
  standIn.state.answer = () => true;
  const startedAt = performance.now();
  const ack = await emit(ann, 'send:message', { conversationId: CONVERSATION, text: 'x' });
  expect(ack.error).toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
