import { expect, it } from 'vitest';
import { createLogger, newTraceId, traceIdFrom } from './logger.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
  return { logger, lines };
}

it('writes one JSON object per line, with the child fields', () => {
  const { logger, lines } = capture();
  logger.child({ traceId: 'abc' }).info({ n: 1 }, 'hello');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', name: 'test', traceId: 'abc', n: 1, msg: 'hello' });
});

it('redacts credentials and content at every depth down to four', () => {
  const { logger, lines } = capture();
  const secrets = {
    token: 'S3CRET',
    authorization: 'S3CRET',
    text: 'S3CRET',
    media: [{ url: 'S3CRET' }],
    password: 'S3CRET',
  };
  logger.info({ ...secrets, a: secrets, b: { headers: secrets }, c: { d: { e: secrets } } }, 'x');
  expect(lines.join()).not.toContain('S3CRET');
  expect(lines.join()).toContain('[redacted]');
});

it('says of an error what it is, and not what a library put on it: commands and documents are what users say', () => {
  const { logger, lines } = capture();
  const refused = Object.assign(new Error('WRONGTYPE'), { code: 7, command: { name: 'xadd', args: ['S3CRET'] } });
  const write = Object.assign(new Error('not written'), { writeErrors: [{ err: { op: { a: { text: 'S3CRET' } } } }] });
  logger.warn({ err: refused }, 'x');
  logger.warn({ error: new Error('outer', { cause: refused }) }, 'x');
  logger.warn({ err: new AggregateError([refused, write], 'both') }, 'x');
  logger.warn({ err: Object.assign(new Error('nested'), { previous: write }) }, 'x');
  expect(lines.join()).not.toContain('S3CRET');
  expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
    type: 'Error',
    message: 'WRONGTYPE',
    code: 7,
    stack: expect.any(String),
  });
  expect(JSON.parse(lines[1] ?? '').error).toMatchObject({ message: 'outer: WRONGTYPE' });
  expect(JSON.parse(lines[2] ?? '').err.aggregateErrors).toMatchObject([
    { message: 'WRONGTYPE' },
    { message: 'not written' },
  ]);
});

it('lets no control character reach a line raw', () => {
  const { logger, lines } = capture();
  const nasty = 'a\r\nb\0c\u001b[2Jd\u007fe\u009b31mf\u2028g\u202eh';
  logger.info({ nasty, [`key\n${nasty}`]: 1 }, nasty);
  expect(lines).toHaveLength(1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(lines[0]?.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  expect(JSON.parse(lines[0] ?? '').nasty).toBe(nasty);
});

it('logs a request without its query', () => {
  const { logger, lines } = capture();
  logger.info({ req: { method: 'GET', url: '/socket.io/?token=S3CRET', socket: { remoteAddress: '::1' } } }, 'x');
  expect(JSON.parse(lines[0] ?? '').req).toEqual({ method: 'GET', path: '/socket.io/', remoteAddress: '::1' });
});

it('makes trace ids, and takes a caller’s only if it is harmless', () => {
  expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
  expect(traceIdFrom('0123456789abcdef')).toBe('0123456789abcdef');
  for (const bad of ['a\nb\nc\nd\ne\n', 'x'.repeat(65), '', undefined, ['0123456789']]) {
    expect(traceIdFrom(bad)).toMatch(/^[0-9a-f]{32}$/);
  }
});
