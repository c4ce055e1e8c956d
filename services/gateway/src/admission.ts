import { type ServerResponse, STATUS_CODES } from 'node:http';
import { ChatError } from '@confab/contracts';
import { clientAddress, type ProxyTrust } from '@confab/service-kit';
import type { ConnectionLimits } from './connection-limits.ts';
import type { Carriers, EngineRequest } from './engine-connection.ts';

export type RefusalReason = 'origin' | 'draining' | 'overloaded' | 'address';

interface Refusal {
  reason: RefusalReason;
  error: ChatError;
}

export interface AdmissionOptions {
  /** CLIENT_URL. */
  origins: readonly string[];
  limits: ConnectionLimits;
  trusts: ProxyTrust;
  carriers: Carriers;
  isDraining(): boolean;
  isOverloaded(): boolean;
  onRefused(reason: RefusalReason): void;
}

/** Middleware of Engine.IO: runs before every HTTP request and upgrade of `/socket.io/`. */
export type Admission = (request: EngineRequest, response: ServerResponse, next: () => void) => void;

/**
 * Decides which requests reach Engine.IO at all. The origin is checked on every request, since CORS headers alone keep no foreign
 * page from connecting; a request without an Origin comes from no browser page. Refusals have their HTTP status on both transports,
 * which Engine.IO's own `allowRequest` cannot give (it answers upgrades with 400).
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const allowed = new Set(options.origins.map((origin) => new URL(origin).origin));

  const refusalOf = (request: EngineRequest): Refusal | undefined => {
    const { origin } = request.headers;
    if (origin !== undefined && !allowed.has(origin)) {
      return { reason: 'origin', error: new ChatError('ORIGIN_NOT_ALLOWED') };
    }
    if (request._query?.sid) return undefined;
    if (options.isDraining()) {
      const reason = 'This gateway is being replaced';
      return { reason: 'draining', error: new ChatError('UNAVAILABLE', { retryAfter: 1, reason }) };
    }
    if (options.isOverloaded()) {
      return { reason: 'overloaded', error: new ChatError('OVERLOADED', { retryAfter: 2 }) };
    }
    if (!options.limits.admit(addressOf(request, options.trusts))) {
      const reason = 'Too many connections from this address';
      return { reason: 'address', error: new ChatError('RATE_LIMITED', { retryAfter: 1, reason }) };
    }
    return undefined;
  };

  return (request, response, next) => {
    // No browser is to guess what an answer is.
    if (!request.headers.upgrade) response.setHeader('x-content-type-options', 'nosniff');
    const refusal = refusalOf(request);
    if (!refusal) {
      options.carriers.note(request, response);
      return next();
    }
    options.onRefused(refusal.reason);
    refuse(request, response, refusal.error);
  };
}

/** The client's own address. */
export function addressOf(request: EngineRequest, trusts: ProxyTrust): string {
  const forwarded = request.headers['x-forwarded-for'] as string | string[] | undefined;
  return clientAddress(request.socket.remoteAddress, Array.isArray(forwarded) ? forwarded.join() : forwarded, trusts);
}

/** Answers as the REST interface does: the error of the catalogue with its status. */
function refuse(request: EngineRequest, response: ServerResponse, error: ChatError): void {
  const { status, retryAfter } = error;
  const body = JSON.stringify({
    success: false,
    error: error.toWire(),
    ...(retryAfter !== undefined && { retryAfter }),
  });
  if (!request.headers.upgrade) {
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    });
    response.end(body);
    return;
  }
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ];
  const { socket } = request;
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
