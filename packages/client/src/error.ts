import type { ErrorCode, WireError } from '@confab/contracts';

/** Codes that only a client can know: the request did not get an answer. */
export type ClientErrorCode = ErrorCode | 'NO_ANSWER' | 'OFFLINE' | 'ABORTED' | 'UPLOAD_FAILED';

const RETRYABLE: readonly ClientErrorCode[] = [
  'REQUEST_TIMEOUT',
  'CONFLICT',
  'MEDIA_NOT_UPLOADED',
  'RATE_LIMITED',
  'TOO_MANY_CONNECTIONS',
  'INTERNAL',
  'UNAVAILABLE',
  'OVERLOADED',
  'NO_ANSWER',
  'OFFLINE',
];
const TOKEN_REFUSED: readonly ClientErrorCode[] = ['UNAUTHENTICATED', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'];

/** A failure that the server told, or that kept us from asking it. */
export class ConfabError extends Error {
  readonly code: ClientErrorCode;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter: number | undefined;
  /** The field that was refused. */
  readonly field: string | undefined;

  constructor(code: ClientErrorCode, message: string, details: { retryAfter?: number; field?: string } = {}) {
    super(message);
    this.name = 'ConfabError';
    this.code = code;
    this.retryAfter = details.retryAfter;
    this.field = details.field;
  }

  /** Whether the same call may succeed later without a change by the caller. */
  get retryable(): boolean {
    return RETRYABLE.includes(this.code);
  }

  /** Whether another token is what it takes. */
  get tokenRefused(): boolean {
    return TOKEN_REFUSED.includes(this.code);
  }
}

/** The error of `{success: false, error}`, of a bare wire error, or NO_ANSWER for anything else. */
export function toConfabError(value: unknown, fallback = 'The server did not answer'): ConfabError {
  if (value instanceof ConfabError) return value;
  const outer = value as { error?: unknown; retryAfter?: unknown } | null | undefined;
  const wire = (outer?.error ?? outer) as Partial<WireError> | null | undefined;
  if (typeof wire?.code !== 'string') return new ConfabError('NO_ANSWER', fallback);
  const retryAfter = wire.retryAfter ?? outer?.retryAfter;
  return new ConfabError(wire.code as ClientErrorCode, wire.message ?? wire.code, {
    ...(typeof retryAfter === 'number' && { retryAfter }),
    ...(wire.field !== undefined && { field: wire.field }),
  });
}
