/** MongoDB's error codes and the shape in which a server answers them. */
import type { Document } from 'bson';

/** Codes used here, by the names that MongoDB's error catalogue gives them. */
export const ErrorCode = {
  InternalError: 1,
  BadValue: 2,
  NoSuchKey: 4,
  FailedToParse: 9,
  TypeMismatch: 14,
  Overflow: 15,
  InvalidLength: 16,
  IllegalOperation: 20,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  EmptyFieldName: 56,
  CommandNotFound: 59,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  WriteConcernFailed: 64,
  CommandNotSupported: 115,
  QueryPlanKilled: 175,
  NotImplemented: 238,
  DocumentValidationFailure: 121,
  QueryExceededMemoryLimitNoDiskUseAllowed: 292,
  BSONObjectTooLarge: 10334,
  DuplicateKey: 11000,
  InterruptedAtShutdown: 11600,
  KeyTooLong: 17280,
  OutOfDiskSpace: 14031,
} as const;

const NAMES = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

/** An error that is answered to the client as it is. */
export class MongoError extends Error {
  readonly code: number;
  readonly details: Document;

  /**
   * @param code MongoDB's numeric error code
   * @param message the text that the driver shows
   * @param details further fields of the reply, such as keyPattern and keyValue
   */
  constructor(code: number, message: string, details: Document = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** MongoDB's name of the code; codes that have none are "Location" and the number. */
  get codeName(): string {
    return NAMES.get(this.code) ?? `Location${this.code}`;
  }
}

/** Throws a MongoError. */
export function fail(code: number, message: string, details?: Document): never {
  throw new MongoError(code, message, details);
}

/** What a request is told that needs the store while the server closes. The driver takes it for a server that goes away. */
export function shuttingDown(): MongoError {
  return new MongoError(ErrorCode.InterruptedAtShutdown, 'interrupted at shutdown');
}

/** The error of a duplicate key in a unique index. */
export function duplicateKey(namespace: string, index: string, keyPattern: Document, keyValue: Document): MongoError {
  const shown = Object.entries(keyValue)
    .map(([field, value]) => `${field}: ${showValue(value)}`)
    .join(', ');
  const message = `E11000 duplicate key error collection: ${namespace} index: ${index} dup key: { ${shown} }`;
  return new MongoError(ErrorCode.DuplicateKey, message, { keyPattern, keyValue });
}

/** A value as MongoDB's messages print it, near enough to be read. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[ ${value.map(showValue).join(', ')} ]`;
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (typeof value !== 'object') return String(value);
  const bsonType = (value as { _bsontype?: string })._bsontype;
  if (bsonType === 'ObjectId') return `ObjectId('${String(value)}')`;
  if (bsonType) return String(value);
  const fields = Object.entries(value).map(([name, inner]) => `${name}: ${showValue(inner)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}
