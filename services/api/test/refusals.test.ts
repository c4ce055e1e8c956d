import { expect, test } from 'vitest';
import { build } from './build.ts';

const SEND = '/api/chat/message';

test('what is too large, of another type, or no JSON is refused in the words of the catalogue', async () => {
  const { call, open } = await build({ env: { BODY_LIMIT: '2048' } });
  const conversationId = await open('alice', 'bob');
  const codeOf = async (raw: { type: string | undefined; text: string }) => {
    const { status, body } = await call('POST', SEND, { raw });
    return [status, body.error?.code];
  };
  const json = 'application/json';
  const message = JSON.stringify({ conversationId, text: 'x'.repeat(3_000) });
  expect(await codeOf({ type: json, text: message })).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  expect(await codeOf({ type: 'text/plain', text: 'hello' })).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  expect(await codeOf({ type: 'application/x-www-form-urlencoded', text: 'a=b' })).toEqual([
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ]);
  expect(await codeOf({ type: 'no type', text: '{}' })).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '"text"',
    '1',
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":{}}}',
  ]) {
    expect([text, ...(await codeOf({ type: json, text }))]).toEqual([text, 400, 'VALIDATION_FAILED']);
  }
});

test('lists come in as long as their contracts say, whatever other bodies may have', async () => {
  const { call } = await build();
  const id = (index: number) => `${index}`.padEnd(128, 'ж');
  const text = (length: number) => 'ж'.repeat(length);
  const profile = {
    firstName: text(200),
    lastName: text(200),
    name: text(400),
    profileImage: 'https://example.com/'.padEnd(2_048, 'ж'),
  };
  const users = Array.from({ length: 500 }, (_, index) => ({ _id: id(index), ...profile }));
  const put = await call('PUT', '/api/chat/users', { scope: 'chat:admin', body: { users } });
  expect(put.body).toMatchObject({ success: true, data: { users: 500 } });

  const group = await call<{ _id: string }>('POST', '/api/chat/conversations', { body: { participants: ['bob'] } });
  const members = `/api/chat/conversation/${group.body.data._id}/members`;
  const others = Array.from({ length: 999 }, (_, index) => id(index));
  // As JSON of ASCII alone; one too many for a group of two, not for the body.
  const ascii = JSON.stringify({ userIds: others }).replaceAll('ж', '\\u0436');
  const added = await call('POST', members, { raw: { type: 'application/json', text: ascii } });
  expect(added.body.error?.code).not.toBe('PAYLOAD_TOO_LARGE');
  expect((await call('POST', members, { body: { userIds: others.slice(0, 998) } })).status).toBe(200);
  const created = await call('POST', '/api/chat/conversations', { body: { participants: others } });
  expect(created.status).toBe(201);
  const tooMuch = { raw: { type: 'application/json', text: `{"userIds":["${'x'.repeat(900_000)}"]}` } };
  expect((await call('POST', members, tooMuch)).body.error?.code).toBe('PAYLOAD_TOO_LARGE');
});

test('a request without a body may name the type of one; where fields are needed it is told which', async () => {
  const { call, open } = await build();
  const conversationId = await open('alice', 'bob');
  const { data } = (await call<{ _id: string }>('POST', SEND, { body: { conversationId, text: 'hi' } })).body;
  const raw = { type: 'application/json; charset=utf-8', text: '' };
  const deleted = await call('DELETE', `/api/chat/message/${data._id}`, { raw });
  expect([deleted.status, deleted.body.data]).toMatchObject([200, { deletedForEveryone: false }]);
  const group = await call<{ _id: string }>('POST', '/api/chat/conversations', { body: { participants: ['bob'] } });
  const left = await call('DELETE', `/api/chat/conversation/${group.body.data._id}/members/alice`, { raw });
  expect(left.status).toBe(200);
  const sent = await call('POST', SEND, { raw });
  expect([sent.status, sent.body.error]).toMatchObject([400, { code: 'VALIDATION_FAILED', field: 'conversationId' }]);
});

test.each([
  ['GET', '/api/chat/conversation/%'],
  ['GET', '/api/chat/conversation/%00'],
  ['GET', '/api/chat/conversation/%C3%28'],
  ['GET', `/api/chat/conversation/${'a'.repeat(129)}`],
  ['GET', `/api/chat/conversation/${'a'.repeat(5_000)}`],
  ['GET', '/api/chat/conversation/me/messages'],
  ['GET', `/api/chat/conversation/${'a'.repeat(24)}/messages?page=0`],
  ['GET', `/api/chat/conversation/${'a'.repeat(24)}/messages?page=1&page=2`],
  ['GET', `/api/chat/conversation/${'a'.repeat(24)}/messages?limit[$gt]=1`],
  ['GET', `/api/chat/conversation/${'a'.repeat(24)}/messages?before=1e3`],
  ['GET', `/api/chat/conversation/${'a'.repeat(24)}/messages?page=1000000&limit=200`],
  ['GET', '/api/chat/conversations?before=999999999999999.zzz'],
  ['GET', `/api/chat/conversations?before=999999999999999.${'a'.repeat(24)}`],
  ['GET', `/api/chat/message/${'A'.repeat(24)}`],
  ['DELETE', '/api/chat/message/none'],
  ['GET', '/api/chat/nothing'],
] as const)('%s %s is no defect of ours', async (method, url) => {
  const { call } = await build();
  const { status } = await call(method, url);
  expect(status).toBeLessThan(500);
});

test('the key of the header and the id of the body must agree, and mean the same message', async () => {
  const { call, open } = await build();
  const conversationId = await open('alice', 'bob');
  const send = (key: string | undefined, clientMessageId?: string) =>
    call<{ _id: string; clientMessageId: string }>('POST', SEND, {
      body: { conversationId, text: 'hi', ...(clientMessageId !== undefined && { clientMessageId }) },
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  const byHeader = await send('one');
  expect(byHeader.body.data.clientMessageId).toBe('one');
  for (const again of [await send(undefined, 'one'), await send('one', 'one'), await send('one')]) {
    expect([again.status, again.body.data._id]).toEqual([201, byHeader.body.data._id]);
  }
  const conflict = await send('one', 'two');
  expect([conflict.status, conflict.body.error?.field]).toEqual([400, 'Idempotency-Key']);
  expect((await send('k'.repeat(101))).body.error).toMatchObject({
    code: 'VALIDATION_FAILED',
    field: 'Idempotency-Key',
  });
});

test('where users must be known, a stranger cannot be opened, grouped or added; a provisioned user can', async () => {
  const { call } = await build({ env: { REQUIRE_KNOWN_USERS: 'true' } });
  const open = () => call<{ _id: string }>('GET', '/api/chat/conversation/bob');
  const group = (...participants: string[]) =>
    call<{ _id: string }>('POST', '/api/chat/conversations', { body: { participants } });
  expect((await open()).status).toBe(404);
  expect((await group('bob')).status).toBe(404);
  await call('PUT', '/api/chat/users/bob', { scope: 'chat:admin', body: { name: 'Bob' } });
  // What was looked up and not found may be remembered for a moment, no longer.
  await expect.poll(async () => (await open()).status, { timeout: 10_000 }).toBe(200);
  const created = await group('bob');
  expect(created.status).toBe(201);
  const members = `/api/chat/conversation/${created.body.data._id}/members`;
  expect((await call('POST', members, { body: { userIds: ['nobody'] } })).status).toBe(404);
});

test('a reply names the trace id by which the logs know it: the caller’s own, or a new one', async () => {
  const { call } = await build();
  const given = await call('GET', '/api/chat/unread-count', { headers: { 'x-trace-id': 'my-trace-1' } });
  expect(given.headers['x-trace-id']).toBe('my-trace-1');
  const made = await call('GET', '/api/chat/unread-count', { as: null });
  expect(made.status).toBe(401);
  expect(made.headers['x-trace-id']).toMatch(/^[0-9a-f-]{32,36}$/);
});

test('the documentation is at /docs, with every route of the contracts in it', async () => {
  const { api } = await build();
  const page = await api.app.inject({ url: '/docs' });
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-type']).toContain('text/html');
  const { paths } = (await api.app.inject({ url: '/docs/json' })).json() as { paths: Record<string, object> };
  expect(paths['/api/chat/message']).toHaveProperty('post');
  expect(paths['/api/chat/message/{messageId}']).toHaveProperty('delete');
  expect(Object.keys(paths).every((path) => path.startsWith('/api/chat/'))).toBe(true);
});
