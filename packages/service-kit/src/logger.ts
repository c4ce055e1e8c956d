import { randomUUID } from 'node:crypto';
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { parseTraceparent } from './tracing.ts';

export type { DestinationStream as LogDestination, Logger } from 'pino';

/** What never belongs in a log: credentials, and what users say to each other. */
const SECRET_FIELDS = ['authorization', 'cookie', 'token', 'accessToken', 'password', 'secret', 'text', 'media'];
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`, `*.*.*.${field}`]);

/**
 * JSON leaves these as they are, but terminals obey them: DEL and C1 controls, line separators, and the marks that reverse the
 * direction of text.
 */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const escapeUnsafe = (line: string) =>
  line.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

export interface LoggerOptions {
  /** The service, on every line. */
  name: string;
  level?: string;
  /** Where lines go; stdout if absent. */
  destination?: DestinationStream;
}

/**
 * A logger of one JSON object per line. Credentials and message content are redacted by field name; control characters appear
 * as JSON escapes only, so that one event is one line and no terminal is driven by user content.
 */
export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  const options = {
    name,
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: { err: describeError, error: describeError, req: describeRequest },
    hooks: { streamWrite: escapeUnsafe },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** What a line says of an error. Libraries put more on theirs: the command that failed with its arguments, a document that was not written, which are what users say. */
const SAID_OF_ERRORS = new Set([
  ...['type', 'message', 'stack', 'code', 'codeName', 'errno', 'syscall', 'address', 'port'],
  ...['status', 'statusCode', 'retryAfter', 'field', 'reason'],
]);

/** Its causes are in `message` and `stack`. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { aggregateErrors, ...own } = stdSerializers.err(error);
  const said = Object.fromEntries(Object.entries(own).filter(([name]) => SAID_OF_ERRORS.has(name)));
  return error instanceof AggregateError && aggregateErrors
    ? { ...said, aggregateErrors: error.errors.map(describeError) }
    : said;
}

/** A request without its query, where tokens hide. */
function describeRequest(request: { method?: string; url?: string; ip?: string; socket?: { remoteAddress?: string } }) {
  return {
    method: request.method,
    path: request.url?.split('?', 1)[0],
    remoteAddress: request.ip ?? request.socket?.remoteAddress,
  };
}

/** A new id that follows one request through every service (122 random bits as 32 hexadecimal digits, as W3C trace ids). */
export function newTraceId(): string {
  // Node keeps random numbers for UUIDs in stock: bytes of one's own cost 3 µs each time.
  return randomUUID().replaceAll('-', '');
}

/** The trace id that a caller gave (as itself, or within a W3C `traceparent`), if it is one, else a new one. */
export function traceIdFrom(header: unknown, traceparent?: unknown): string {
  const given = parseTraceparent(traceparent);
  if (header === undefined && given) return given.traceId;
  return typeof header === 'string' && /^[A-Za-z0-9_-]{8,64}$/.test(header) ? header : newTraceId();
}
