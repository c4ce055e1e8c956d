import { expect, test } from 'vitest';
import { type BuiltApi, build, tokenOf } from './build.ts';

/* Several sends in one request: nothing that holds for a send by itself can be got around by it. */

const PATH = '/api/chat/messages/batch';

interface Results {
  results: {
    success: boolean;
    data?: { _id: string; text: string; senderId: { _id: string } };
    error?: { code: string };
  }[];
}

const itemOf = (token: string, conversationId: string, text: string, address = '192.0.2.1') => ({
  ...{ token, address },
  body: { conversationId, text },
});

async function sendAll(chat: BuiltApi, items: object[], as = 'alice') {
  const { status, body } = await chat.call<Results>('POST', PATH, { as, body: { items } });
  return { status, results: body.data?.results ?? [], error: body.error };
}
const codesOf = ({ results }: { results: Results['results'] }) => results.map(({ error }) => error?.code ?? 'ok');

test('each is stored for the sender of its own token, whoever made the request', async () => {
  const chat = await build();
  const [ab, cd] = [await chat.open('alice', 'bob'), await chat.open('carol', 'dave')];
  const { status, results } = await sendAll(chat, [
    itemOf(tokenOf('alice'), ab, 'one'),
    itemOf(tokenOf('carol'), cd, 'two'),
    itemOf(tokenOf('bob'), ab, 'three'),
  ]);
  expect(status).toBe(200);
  expect(results.map(({ data }) => [data?.senderId._id, data?.text])).toEqual([
    ['alice', 'one'],
    ['carol', 'two'],
    ['bob', 'three'],
  ]);
});

test('a token that is no good, a foreign conversation and an empty message fail by themselves', async () => {
  const chat = await build();
  const [ab, cd] = [await chat.open('alice', 'bob'), await chat.open('carol', 'dave')];
  const answer = await sendAll(chat, [
    itemOf(tokenOf('alice'), ab, 'one'),
    itemOf('a.b.c', ab, 'forged'),
    itemOf(tokenOf('alice', { exp: 1 }), ab, 'late'),
    itemOf(tokenOf('alice'), cd, 'foreign'),
    itemOf(tokenOf('alice'), 'f'.repeat(24), 'unknown'),
    itemOf(tokenOf('alice'), ab, ' '),
    itemOf(tokenOf('bob'), ab, 'two'),
  ]);
  const failures = ['UNAUTHENTICATED', 'TOKEN_EXPIRED', 'NOT_FOUND', 'NOT_FOUND', 'VALIDATION_FAILED'];
  expect(codesOf(answer)).toEqual(['ok', ...failures, 'ok']);
  expect(answer.results[3]).toEqual(answer.results[4]);
});

test('the request itself needs a token, and is validated as a whole', async () => {
  const chat = await build();
  const id = await chat.open('alice', 'bob');
  const items = [itemOf(tokenOf('alice'), id, 'one')];
  expect((await chat.call('POST', PATH, { as: null, body: { items } })).status).toBe(401);
  const many = Array.from({ length: 33 }, () => items[0]);
  expect((await sendAll(chat, many as object[])).error).toMatchObject({ code: 'VALIDATION_FAILED', field: 'items' });
  expect((await sendAll(chat, [])).status).toBe(400);
});

test('a revoked token sends nothing', async () => {
  const chat = await build();
  const id = await chat.open('bob', 'alice');
  const token = tokenOf('alice', { iat: Math.floor(Date.now() / 1_000) - 10 });
  await chat.call('POST', '/api/chat/admin/revocations', { as: 'ops', scope: 'chat:admin', body: { userId: 'alice' } });
  expect(codesOf(await sendAll(chat, [itemOf(token, id, 'one')], 'bob'))).toEqual(['TOKEN_REVOKED']);
});

test('the limit of a user holds over all of them', async () => {
  const chat = await build({ env: { MESSAGES_PER_MINUTE: '3' } });
  const id = await chat.open('alice', 'bob');
  const items = Array.from({ length: 5 }, (_, i) => itemOf(tokenOf('alice'), id, `message ${i}`));
  const answer = await sendAll(chat, [...items, itemOf(tokenOf('bob'), id, 'mine')]);
  expect(codesOf(answer).toSorted()).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'ok', 'ok', 'ok', 'ok']);
});

test('each counts as a request of its user, the first one once', async () => {
  const chat = await build({ env: { REQUESTS_PER_MINUTE_PER_USER: '4' } });
  const id = await chat.open('alice', 'bob');
  const items = Array.from({ length: 4 }, (_, i) => itemOf(tokenOf('alice'), id, `message ${i}`));
  const answer = await sendAll(chat, [...items, itemOf(tokenOf('bob'), id, 'mine')]);
  expect(codesOf(answer)).toEqual(['ok', 'ok', 'ok', 'RATE_LIMITED', 'ok']);
});

test('the limit of an address holds: of the one that makes the request, unless a trusted proxy names another', async () => {
  const items = (token: string, id: string) =>
    Array.from({ length: 4 }, (_, i) => itemOf(token, id, `message ${i}`, `192.0.2.${i}`));
  const closed = await build({ env: { REQUESTS_PER_MINUTE_PER_ADDRESS: '4' } });
  const id = await closed.open('alice', 'bob');
  expect(codesOf(await sendAll(closed, items(tokenOf('alice'), id)))).toEqual(['ok', 'ok', 'ok', 'RATE_LIMITED']);
  const behindProxy = await build({ env: { REQUESTS_PER_MINUTE_PER_ADDRESS: '2', TRUST_PROXY: '127.0.0.1' } });
  const other = await behindProxy.open('alice', 'bob');
  expect(codesOf(await sendAll(behindProxy, items(tokenOf('alice'), other)))).toEqual(['ok', 'ok', 'ok', 'ok']);
});

test('more than the api may work on at a time is refused as overload', async () => {
  const chat = await build({ env: { MAX_IN_FLIGHT: '3' } });
  const id = await chat.open('alice', 'bob');
  const items = Array.from({ length: 4 }, (_, i) => itemOf(tokenOf('alice'), id, `message ${i}`));
  const reply = await chat.api.app.inject({
    ...{ method: 'POST', url: PATH, headers: { authorization: `Bearer ${tokenOf('alice')}` }, payload: { items } },
  });
  expect([reply.statusCode, reply.json().error.code]).toEqual([503, 'OVERLOADED']);
  expect(codesOf(await sendAll(chat, items.slice(0, 3)))).toEqual(['ok', 'ok', 'ok']);
});

test('messages of one sender to one conversation are stored in their order, the first ones of a conversation too', async () => {
  const chat = await build();
  const [ab, ac] = [await chat.open('alice', 'bob'), await chat.open('alice', 'carol')];
  const texts = Array.from({ length: 10 }, (_, i) => `message ${i}`);
  const items = texts.flatMap((text) => [ab, ac].map((id) => itemOf(tokenOf('alice'), id, text)));
  const { results } = await sendAll(chat, items);
  expect(results.map(({ data }) => data?.text)).toEqual(texts.flatMap((text) => [text, text]));
  for (const id of [ab, ac]) {
    const { body } = await chat.call<{ text: string }[]>('GET', `/api/chat/conversation/${id}/messages`, {
      as: 'alice',
    });
    expect(body.data?.map(({ text }) => text)).toEqual(texts);
  }
});
