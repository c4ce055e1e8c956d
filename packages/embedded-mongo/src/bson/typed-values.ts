/**
 * The JavaScript form of BSON used where a document must be changed or computed with. Every number is an Int32, Double,
 * Long or Decimal128 object, so that a value written back has the type that it came with.
 */
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  type Document,
  Double,
  deserialize,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
} from 'bson';
import { afterValue, BsonType, findField } from './raw-document.ts';

/** A document with typed numbers. */
export type TypedDocument = Document;

const TYPED = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;

/** Decodes one BSON document without losing types. The bytes must stay unchanged while the result lives. */
export function decodeTyped(bytes: Uint8Array): TypedDocument {
  return deserialize(bytes, TYPED);
}

/** Decodes a document but for one of its fields. */
export function decodeTypedWithout(bytes: Buffer, field: Buffer): TypedDocument {
  const found = { type: 0, at: 0 };
  if (!findField(bytes, 0, field, found)) return decodeTyped(bytes);
  const from = found.at - field.length - 2;
  const rest = Buffer.concat([bytes.subarray(0, from), bytes.subarray(afterValue(bytes, found.type, found.at))]);
  rest.writeInt32LE(rest.length, 0);
  return decodeTyped(rest);
}

/** Decodes the document that starts at `at`, from a copy, so that reused buffers cannot change the result. */
export function decodeTypedAt(bytes: Uint8Array, at: number): TypedDocument {
  const size = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return decodeTyped(Uint8Array.prototype.slice.call(bytes, at, at + size));
}

/** Decodes a single value of a document. */
export function decodeValueAt(bytes: Uint8Array, type: number, at: number, end: number): unknown {
  if (type === BsonType.missing) return undefined;
  const wrapped = Buffer.allocUnsafe(end - at + 8);
  wrapped.writeInt32LE(wrapped.length, 0);
  wrapped[4] = type;
  wrapped[5] = 118;
  wrapped[6] = 0;
  wrapped.set(bytes.subarray(at, end), 7);
  wrapped[wrapped.length - 1] = 0;
  return decodeTyped(wrapped).v;
}

/** Encodes a document. */
export function encodeTyped(document: TypedDocument): Buffer {
  const bytes = serialize(document, { ignoreUndefined: false });
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Offset of the value inside the result of `encodeValue`. */
export const ENCODED_VALUE_AT = 7;

/** Encodes a single value as the only field ("v") of a document: its type is byte 4, its bytes start at byte 7. */
export function encodeValue(value: unknown): Buffer {
  // The commonest keys of an index: general encoding took a fifth of a query with many ranges.
  if (value instanceof ObjectId) return encodeObjectId(value);
  if (value instanceof Int32) return encodeInt32(value.value);
  return encodeTyped({ v: value === undefined ? null : value });
}

function encodeObjectId(value: ObjectId): Buffer {
  const bytes = Buffer.alloc(ENCODED_VALUE_AT + 13);
  bytes.writeInt32LE(bytes.length, 0);
  bytes[4] = BsonType.objectId;
  bytes[5] = 'v'.charCodeAt(0);
  bytes.set(value.id, ENCODED_VALUE_AT);
  return bytes;
}

function encodeInt32(value: number): Buffer {
  const bytes = Buffer.alloc(ENCODED_VALUE_AT + 5);
  bytes.writeInt32LE(bytes.length, 0);
  bytes[4] = BsonType.int;
  bytes[5] = 'v'.charCodeAt(0);
  bytes.writeInt32LE(value, ENCODED_VALUE_AT);
  return bytes;
}

/** True for an embedded document, as opposed to a BSON scalar that happens to be an object. */
export function isDocument(value: unknown): value is TypedDocument {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The numeric BSON type of a typed value (0 for undefined, which stands for "missing"). */
export function bsonTypeOf(value: unknown): number {
  switch (typeof value) {
    case 'undefined':
      return BsonType.missing;
    case 'string':
      return BsonType.string;
    case 'boolean':
      return BsonType.bool;
    case 'number':
      return Number.isInteger(value) && value >= -0x80000000 && value <= 0x7fffffff ? BsonType.int : BsonType.double;
    case 'bigint':
      return BsonType.long;
    default:
      return bsonTypeOfObject(value as object | null);
  }
}

function bsonTypeOfObject(value: object | null): number {
  if (value === null) return BsonType.null;
  if (Array.isArray(value)) return BsonType.array;
  if (value instanceof Int32) return BsonType.int;
  if (value instanceof Double) return BsonType.double;
  if (value instanceof Timestamp) return BsonType.timestamp;
  if (value instanceof Long) return BsonType.long;
  if (value instanceof ObjectId) return BsonType.objectId;
  if (value instanceof Date) return BsonType.date;
  if (value instanceof Binary || value instanceof Uint8Array) return BsonType.binary;
  if (value instanceof Decimal128) return BsonType.decimal;
  if (value instanceof BSONRegExp || value instanceof RegExp) return BsonType.regex;
  if (value instanceof MinKey) return BsonType.minKey;
  if (value instanceof MaxKey) return BsonType.maxKey;
  if (value instanceof Code) return value.scope ? BsonType.codeWithScope : BsonType.code;
  if (value instanceof BSONSymbol) return BsonType.symbol;
  return BsonType.object;
}

/** MongoDB's name of a BSON type, as `$type` and error messages give it. */
export const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'missing',
  1: 'double',
  2: 'string',
  3: 'object',
  4: 'array',
  5: 'binData',
  6: 'undefined',
  7: 'objectId',
  8: 'bool',
  9: 'date',
  10: 'null',
  11: 'regex',
  12: 'dbPointer',
  13: 'javascript',
  14: 'symbol',
  15: 'javascriptWithScope',
  16: 'int',
  17: 'timestamp',
  18: 'long',
  19: 'decimal',
  127: 'maxKey',
  255: 'minKey',
};

/** The type name of a typed value. */
export function typeNameOf(value: unknown): string {
  return TYPE_NAMES[bsonTypeOf(value)] ?? 'object';
}

/** The number inside any numeric typed value (rounded for longs and decimals past 2^53), else undefined. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (value instanceof Int32 || value instanceof Double) return value.value;
  if (value instanceof Timestamp) return undefined;
  if (value instanceof Long) return value.toNumber();
  if (value instanceof Decimal128) return Number(value.toString());
  return undefined;
}

/** True where MongoDB treats a value as true: not false, null, missing or zero. */
export function isTruthy(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  const number = numberOf(value);
  return number === undefined || number !== 0;
}

/** A field of a document, never something inherited. */
export function fieldOf(document: TypedDocument, name: string): unknown {
  return Object.hasOwn(document, name) ? document[name] : undefined;
}

/** Sets a field; `__proto__` is a field like any other. */
export function setField(document: TypedDocument, name: string, value: unknown): void {
  if (name !== '__proto__') document[name] = value;
  else Object.defineProperty(document, name, { value, enumerable: true, configurable: true, writable: true });
}
