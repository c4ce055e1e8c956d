import { once } from 'node:events';
import { createConnection } from 'node:net';
import { ErrorReply, validatorOf } from '@confab/contracts';
import { untilClosed } from '@confab/testkit';
import fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { bodyDeadline } from '../src/plugins/body-deadline.ts';
import { failures } from '../src/plugins/failures.ts';
import { build } from './build.ts';

/** What comes back for these bytes until the server ends the connection. */
async function answerTo(url: string, bytes: string): Promise<{ head: string; body: { error?: object } }> {
  const { port } = new URL(url);
  const socket = createConnection(Number(port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.write(bytes);
  // a server that refuses may reset what was not read
  socket.on('error', () => {});
  await untilClosed(socket);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const parsed = JSON.parse(body);
  expect(validatorOf(ErrorReply).Check(parsed), body).toBe(true);
  expect(head.toLowerCase()).toContain('content-type: application/json');
  expect(head.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(body)}`);
  return { head: head.split('\r\n')[0] ?? '', body: parsed };
}

const refusals = [
  [
    'headers that are too large',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE',
  ],
  ['what is not HTTP', 'HELO confab\r\n\r\n', 400, 'VALIDATION_FAILED'],
  ['a header with a control character', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\u0001b\r\n\r\n', 400, 'VALIDATION_FAILED'],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    400,
    'VALIDATION_FAILED',
  ],
  [
    'a length and chunks at once',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
    400,
    'VALIDATION_FAILED',
  ],
  [
    'an expectation that nobody knows',
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n',
    400,
    'VALIDATION_FAILED',
  ],
  ['a request without a host', 'GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n', 404, 'NOT_FOUND'],
] as const;

test.each(refusals)('%s: answered in the words of the catalogue', async (_what, bytes, status, code) => {
  const { listen } = await build();
  const { head, body } = await answerTo(await listen(), bytes);
  expect(head).toContain(`HTTP/1.1 ${status} `);
  expect(body).toMatchObject({ success: false, error: { code } });
});

test('a body that does not come in time is answered, and its connection ends', async () => {
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(failures);
  await app.register(bodyDeadline, { deadlineMs: 100 });
  app.post('/', async () => ({ success: true }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const late = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":';
  const { head, body } = await answerTo(url, late);
  expect(head).toContain('HTTP/1.1 408 ');
  expect(body).toMatchObject({ success: false, error: { code: 'REQUEST_TIMEOUT' } });
});

test('headers that do not come in time are answered by the same rule', async () => {
  const { api, listen } = await build();
  const url = await listen();
  // Node looks at its connections every 30 s; the event is what it then says
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
  const [accepted] = await once(api.app.server, 'connection');
  const timeout = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
  const text: string[] = [];
  socket.setEncoding('utf8').on('data', (chunk) => text.push(String(chunk)));
  api.app.server.emit('clientError', timeout, accepted);
  await untilClosed(socket);
  expect(text.join('')).toMatch(/^HTTP\/1\.1 408 .*"code":"REQUEST_TIMEOUT"/s);
});
