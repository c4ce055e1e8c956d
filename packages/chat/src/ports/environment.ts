/** What makes a run repeatable: injected, never read from globals. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
}

export interface Ids {
  /** A new 24-digit hexadecimal id, unique over processes. */
  objectId(): string;
  /** A new opaque token. */
  token(): string;
}

/** The part of a pino logger that the domain uses. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** With a level for following one message by its trace id through all services. */
export interface TraceLog extends Log {
  debug(fields: object, message: string): void;
}
