/**
 * The error catalogue: one stable code per failure, for REST replies, socket acks and `error` events alike.
 * `retryable` says whether the same call may succeed later without a change by the caller.
 */
export const errorCatalogue = {
  VALIDATION_FAILED: { status: 400, retryable: false, message: 'The request is not valid' },
  UNAUTHENTICATED: { status: 401, retryable: false, message: 'A valid token is required' },
  TOKEN_EXPIRED: { status: 401, retryable: false, message: 'The token has expired' },
  TOKEN_REVOKED: { status: 401, retryable: false, message: 'The token was revoked' },
  FORBIDDEN: { status: 403, retryable: false, message: 'You may not do this' },
  ORIGIN_NOT_ALLOWED: { status: 403, retryable: false, message: 'This origin is not allowed' },
  NOT_FOUND: { status: 404, retryable: false, message: 'Not found' },
  REQUEST_TIMEOUT: { status: 408, retryable: true, message: 'The request did not arrive in time' },
  CONFLICT: { status: 409, retryable: true, message: 'The state changed meanwhile' },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false, message: 'The request is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false, message: 'The body must be application/json' },
  MEDIA_TYPE_NOT_ALLOWED: { status: 415, retryable: false, message: 'Files of this type are not taken' },
  MEDIA_TOO_LARGE: { status: 413, retryable: false, message: 'The file is too large' },
  MEDIA_CONTENT_MISMATCH: { status: 422, retryable: false, message: 'The file is not what its ticket says' },
  MEDIA_TOO_MANY_PIXELS: { status: 422, retryable: false, message: 'The image has too many pixels' },
  MEDIA_NOT_UPLOADED: { status: 409, retryable: true, message: 'The upload is not complete' },
  MEDIA_QUOTA_EXCEEDED: { status: 403, retryable: false, message: 'The user stores as much as they may' },
  MEDIA_LINK_INVALID: { status: 403, retryable: false, message: 'This link is not one of ours' },
  MEDIA_LINK_EXPIRED: { status: 410, retryable: false, message: 'This link has expired' },
  HEADERS_TOO_LARGE: { status: 431, retryable: false, message: 'The headers of the request are too large' },
  RATE_LIMITED: { status: 429, retryable: true, message: 'Too many requests' },
  TOO_MANY_CONNECTIONS: { status: 429, retryable: true, message: 'This user has too many connections' },
  INTERNAL: { status: 500, retryable: true, message: 'Something went wrong on our side' },
  UNAVAILABLE: { status: 503, retryable: true, message: 'A part of the service is not available right now' },
  OVERLOADED: { status: 503, retryable: true, message: 'The service is overloaded right now' },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface ChatErrorDetails {
  /** Seconds after which a retry makes sense; only with retryable codes. */
  retryAfter?: number;
  /** The field that was refused, as a JSON pointer without the leading slash ("media/0/url"). */
  field?: string;
  /** Why, in words for the developer who reads it. */
  reason?: string;
  cause?: unknown;
}

/** A failure that a caller is told of. Everything else that is thrown is a defect and is told as INTERNAL. */
export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly retryAfter: number | undefined;
  readonly field: string | undefined;
  readonly reason: string | undefined;

  constructor(code: ErrorCode, details: ChatErrorDetails = {}) {
    super(describe(code, details), { cause: details.cause });
    this.name = 'ChatError';
    this.code = code;
    this.retryAfter = details.retryAfter;
    this.field = details.field;
    this.reason = details.reason;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  /** What goes over the wire: `{code, message, field?, retryAfter?}`. */
  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      ...(this.field !== undefined && { field: this.field }),
      ...(this.retryAfter !== undefined && { retryAfter: this.retryAfter }),
    };
  }
}

/** "conversationId: must be string", or the catalogue's words. */
function describe(code: ErrorCode, { field, reason }: ChatErrorDetails): string {
  if (reason === undefined) return errorCatalogue[code].message;
  return field === undefined || field === '' ? reason : `${field}: ${reason}`;
}

export interface WireError {
  code: ErrorCode;
  message: string;
  field?: string;
  retryAfter?: number;
}

/**
 * Why a gateway ends a socket. It says so in a `session:end` event `{code, message, reconnect, retryAfter?}` just before the
 * disconnection. `reconnect`: `yes` (at once, with back-off), `new-token` (only with another token), `no`.
 */
export const disconnectCatalogue = {
  DRAINING: { reconnect: 'yes', message: 'This gateway is being replaced; connect again' },
  SLOW_CONSUMER: { reconnect: 'yes', message: 'The connection did not read fast enough; connect again and sync' },
  TOKEN_EXPIRED: { reconnect: 'new-token', message: 'The token has expired' },
  TOKEN_REVOKED: { reconnect: 'new-token', message: 'The token was revoked' },
  ABUSE: { reconnect: 'no', message: 'The connection sent more than any client may' },
} as const satisfies Record<string, { reconnect: 'yes' | 'new-token' | 'no'; message: string }>;

export type DisconnectCode = keyof typeof disconnectCatalogue;
