import {
  eventually,
  mintToken,
  type ServiceProcess,
  startService,
  type TempDir,
  tempDir,
  testMongo,
} from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatClient, createChatClient } from '../src/index.ts';

const JWT_SECRET = 'the-secret-of-the-client-tests-0123456789abcdef';

let server: ServiceProcess;
let folder: TempDir;
const clients: ChatClient[] = [];
const token = (userId: string, claims = {}) => mintToken(JWT_SECRET, { sub: userId, firstName: userId, ...claims });

beforeAll(async () => {
  const mongo = await testMongo();
  folder = await tempDir('client');
  server = await startService({
    name: 'standalone',
    env: {
      PORT: '0',
      DATA_DIR: folder.path,
      JWT_SECRET,
      MONGODB_URL: mongo.url,
      MONGODB_DATABASE: mongo.dbName(),
      MESSAGES_PER_MINUTE: '10000',
      CONVERSATIONS_PER_HOUR: '1000',
      LOG_LEVEL: 'info',
    },
  });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await server?.stop();
  await folder?.remove();
});

function connect(
  userId: string,
  tokenOption: Parameters<typeof createChatClient>[0]['token'] = token(userId),
): ChatClient {
  const client = createChatClient({ url: server.url, token: tokenOption });
  clients.push(client);
  client.connect();
  return client;
}

const live = (client: ChatClient) => eventually(() => expect(client.connection.get().status).toBe('live'), 15_000);
const texts = (client: ChatClient, id: string) =>
  client
    .messages(id)
    .get()
    .messages.map((shown) => shown.text);

test('two people talk while both lose their connection again and again: no gap, no double, one order', async () => {
  const [ana, ben] = [connect('ana'), connect('ben')];
  await Promise.all([live(ana), live(ben)]);
  const id = await ana.startConversation('ben');
  const said = new Set<string>();
  for (let n = 0; n < 60; n++) {
    const speaker = n % 2 === 0 ? ana : ben;
    const text = `message ${n}`;
    said.add(text);
    speaker.send(id, { text });
    // Cut in the middle of sends, without a word to the server's other end.
    if (n % 7 === 3) speaker.close();
    if (n % 7 === 5) for (const client of [ana, ben]) client.connect();
  }
  for (const client of [ana, ben]) client.connect();
  await eventually(() => {
    expect(texts(ana, id)).toHaveLength(said.size);
    expect(new Set(texts(ana, id))).toEqual(said);
    expect(texts(ben, id)).toEqual(texts(ana, id));
  }, 25_000);
  ben.markRead(id);
  await eventually(() => {
    const own = ana
      .messages(id)
      .get()
      .messages.filter((shown) => shown.own);
    expect(own.every((shown) => shown.state === 'read')).toBe(true);
    expect(ben.unread.get()).toBe(0);
  }, 10_000);
});

test('unread counts stay live, and agree with the server', async () => {
  const [cem, dua] = [connect('cem'), connect('dua')];
  await Promise.all([live(cem), live(dua)]);
  const id = await cem.startConversation('dua');
  for (let n = 0; n < 5; n++) cem.send(id, { text: `note ${n}` });
  // The list knows how many there are before the messages themselves are there.
  await eventually(() => {
    expect(dua.unread.get()).toBe(5);
    expect(dua.messages(id).get().messages).toHaveLength(5);
  }, 10_000);
  const second = dua.messages(id).get().messages[1];
  dua.markRead(id, second?.id);
  expect(dua.unread.get()).toBe(3);
  const recount = async () => {
    const reply = await fetch(`${server.url}/api/chat/unread-count`, {
      headers: { authorization: `Bearer ${token('dua')}` },
    });
    return ((await reply.json()) as { data: { unreadCount: number } }).data.unreadCount;
  };
  await eventually(async () => expect(await recount()).toBe(3), 10_000);
  const last = cem.messages(id).get().messages.at(-1);
  await cem.deleteMessage(last?.id as string, true);
  await eventually(() => expect(dua.unread.get()).toBe(2), 10_000);
  expect(await recount()).toBe(2);
});

test('a token that runs out while connected is replaced, without a message lost', async () => {
  let given = 0;
  const exp = () => Math.floor(Date.now() / 1000) + 3;
  const eve = connect('eve', async () => token('eve', { exp: exp(), jti: String(++given) }));
  await live(eve);
  const id = await eve.startConversation('fin');
  await eventually(() => expect(given).toBeGreaterThanOrEqual(2), 15_000);
  await live(eve);
  eve.send(id, { text: 'still me' });
  await eventually(() => expect(eve.messages(id).get().messages.at(-1)?.state).toBe('sent'), 15_000);
});

test('presence and typing reach the other side', async () => {
  const gil = connect('gil');
  await live(gil);
  const id = await gil.startConversation('hana');
  const hana = connect('hana');
  await eventually(() => expect(gil.presence('hana').get().online).toBe(true), 10_000);
  await live(hana);
  await eventually(() => expect(hana.conversations.get()).toHaveLength(1));
  hana.notifyTyping(id);
  await eventually(() => expect(gil.typing(id).get()).toEqual(['hana']));
  hana.stopTyping(id);
  await eventually(() => expect(gil.typing(id).get()).toEqual([]));
  hana.close();
  await eventually(() => expect(gil.presence('hana').get().online).toBe(false), 15_000);
});
