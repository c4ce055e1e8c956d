import { createConnection } from 'node:net';
import { ErrorReply, validatorOf } from '@confab/contracts';
import { freePort, untilClosed } from '@confab/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningNginx, startNginx } from './nginx.ts';

let edge: RunningNginx;
beforeAll(async () => {
  const port = await freePort();
  const nobody = Object.fromEntries(
    ['gateway-1:3102', 'gateway-2:3102', 'api:3101', 'web:8080'].map((name) => [name, '127.0.0.1:9']),
  );
  edge = await startNginx('edge', { ...nobody, 'listen 3100': `listen ${port}` }, port);
});
afterAll(() => edge.stop());

const refusals = [
  ['no HTTP', 'HELO confab\r\n\r\n', 400, 'VALIDATION_FAILED'],
  [
    'two lengths',
    'POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    400,
    'VALIDATION_FAILED',
  ],
  ['no host', 'GET /api/ HTTP/1.1\r\n\r\n', 400, 'VALIDATION_FAILED'],
  ['a path that is too long', `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  [
    'headers that are too large',
    `GET /api/ HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE',
  ],
  [
    'a body that is too large',
    `POST /api/chat/message HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${3 * 1024 ** 2}\r\n\r\n`,
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['nobody behind it', 'GET /api/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 503, 'UNAVAILABLE'],
] as const;

it.each(refusals)('%s: the edge answers in the words of the catalogue', async (_what, bytes, status, code) => {
  const socket = createConnection(Number(new URL(edge.url).port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  // what is not read may be reset
  socket.on('error', () => {});
  socket.write(bytes);
  await untilClosed(socket);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toContain(`HTTP/1.1 ${status} `);
  const parsed = JSON.parse(body);
  expect(validatorOf(ErrorReply).Check(parsed), body).toBe(true);
  expect(parsed.error.code).toBe(code);
});
