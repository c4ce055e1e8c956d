import type { ServerResponse } from 'node:http';
import { clientAddress, type ProxyTrust } from '@confab/service-kit';
import type { ConnectionLimits } from './connection-limits.ts';
import type { Carriers, EngineRequest } from './engine-connection.ts';

export type RefusalReason = 'origin' | 'draining' | 'overloaded' | 'address';

interface Refusal {
  reason: RefusalReason;
  status: string;
  message: string;
  retryAfter?: number;
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
      return { reason: 'origin', status: '403 Forbidden', message: 'This origin is not allowed' };
    }
    if (request._query?.sid) return undefined;
    if (options.isDraining()) {
      return {
        reason: 'draining',
        status: '503 Service Unavailable',
        message: 'This gateway is being replaced',
        retryAfter: 1,
      };
    }
    if (options.isOverloaded()) {
      return {
        reason: 'overloaded',
        status: '503 Service Unavailable',
        message: 'The service is overloaded',
        retryAfter: 2,
      };
    }
    if (!options.limits.admit(addressOf(request, options.trusts))) {
      return { reason: 'address', status: '429 Too Many Requests', message: 'Too many connections', retryAfter: 1 };
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
    refuse(request, response, refusal);
  };
}

/** The client's own address. */
export function addressOf(request: EngineRequest, trusts: ProxyTrust): string {
  const forwarded = request.headers['x-forwarded-for'] as string | string[] | undefined;
  return clientAddress(request.socket.remoteAddress, Array.isArray(forwarded) ? forwarded.join() : forwarded, trusts);
}

function refuse(request: EngineRequest, response: ServerResponse, { status, message, retryAfter }: Refusal): void {
  const body = JSON.stringify({ message });
  if (!request.headers.upgrade) {
    response.writeHead(Number.parseInt(status, 10), {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    });
    response.end(body);
    return;
  }
  const lines = [
    `HTTP/1.1 ${status}`,
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
