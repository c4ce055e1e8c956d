/**
 * Reads BSON in place. Documents stay the bytes that the client sent: a scan that rejects a document, or returns it
 * whole, never builds JavaScript objects for it (deserializing a 15-field message costs about 10 µs, a walk 0.5 µs).
 */

/** BSON element type bytes; `missing` (0) stands for "no such field". */
export const BsonType = {
  missing: 0,
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int: 16,
  timestamp: 17,
  long: 18,
  decimal: 19,
  maxKey: 127,
  minKey: 255,
} as const;

/** Where a value lies: its type byte and the offset of its first value byte. */
export interface RawValue {
  type: number;
  at: number;
}

/** Reads a little-endian int32. */
export function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The offset just past a zero-terminated string that starts at `at`. */
export function afterCString(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] !== 0) end++;
  return end + 1;
}

/** The offset just past the value of `type` that starts at `at`; throws a RangeError for an unknown type. */
export function afterValue(bytes: Uint8Array, type: number, at: number): number {
  switch (type) {
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return at + 4 + int32At(bytes, at);
    case BsonType.int:
      return at + 4;
    case BsonType.double:
    case BsonType.date:
    case BsonType.timestamp:
    case BsonType.long:
      return at + 8;
    case BsonType.objectId:
      return at + 12;
    case BsonType.bool:
      return at + 1;
    case BsonType.object:
    case BsonType.array:
    case BsonType.codeWithScope:
      return at + int32At(bytes, at);
    case BsonType.null:
    case BsonType.undefined:
    case BsonType.minKey:
    case BsonType.maxKey:
      return at;
    case BsonType.binary:
      return at + 5 + int32At(bytes, at);
    case BsonType.regex:
      return afterCString(bytes, afterCString(bytes, at));
    case BsonType.dbPointer:
      return at + 4 + int32At(bytes, at) + 12;
    case BsonType.decimal:
      return at + 16;
    default:
      throw new RangeError(`unknown BSON type ${type}`);
  }
}

/** True when the bytes of a field name (zero-terminated, at `at`) are exactly `name`. */
export function nameIs(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
  return bytes[at + name.length] === 0;
}

/**
 * Finds a field in the document that starts at `start`. Writes its place to `found` and returns true, or sets `found`
 * to missing and returns false.
 */
export function findField(bytes: Uint8Array, start: number, name: Uint8Array, found: RawValue): boolean {
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const match = nameIs(bytes, at + 1, name);
    const value = match ? at + 2 + name.length : afterCString(bytes, at + 1);
    if (match) {
      found.type = type;
      found.at = value;
      return true;
    }
    at = afterValue(bytes, type, value);
  }
  found.type = BsonType.missing;
  found.at = at;
  return false;
}

/** Calls `visit` for each element; stops when it returns true. Offsets: the element, its value, and just past it. */
export function eachElement(
  bytes: Uint8Array,
  start: number,
  visit: (type: number, valueAt: number, elementAt: number, end: number) => boolean | undefined,
): void {
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const value = afterCString(bytes, at + 1);
    const end = afterValue(bytes, type, value);
    if (visit(type, value, at, end)) return;
    at = end;
  }
}

/** The field name of the element at `elementAt`. */
export function elementName(bytes: Buffer, elementAt: number, valueAt: number): string {
  return bytes.toString('utf8', elementAt + 1, valueAt - 1);
}

/** A dotted path, split once, with its component names as bytes. */
export interface FieldPath {
  readonly text: string;
  readonly parts: readonly Buffer[];
}

const pathCache = new Map<string, FieldPath>();

/** Splits a dotted path; the result is shared between callers. */
export function fieldPath(text: string): FieldPath {
  let path = pathCache.get(text);
  if (!path) {
    path = { text, parts: text.split('.').map((part) => Buffer.from(part)) };
    if (pathCache.size > 10_000) pathCache.clear();
    pathCache.set(text, path);
  }
  return path;
}

/** True for a path component such as "0" or "12", which can index an array. */
export function isArrayIndex(part: Uint8Array): boolean {
  if (part.length === 0 || (part.length > 1 && part[0] === 48)) return false;
  return part.every((byte) => byte >= 48 && byte <= 57);
}
