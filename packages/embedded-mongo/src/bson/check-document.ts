/** Checks the structure of BSON from outside before anything walks it. */
import { ErrorCode, fail } from '../errors.ts';
import { BsonType, int32At } from './raw-document.ts';

/** MongoDB's limit of one document, in bytes. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** MongoDB's limit of nesting. */
const MAX_DEPTH = 180;

const FIXED_SIZE = new Int8Array(256).fill(-1);
FIXED_SIZE[BsonType.double] = 8;
FIXED_SIZE[BsonType.objectId] = 12;
FIXED_SIZE[BsonType.bool] = 1;
FIXED_SIZE[BsonType.date] = 8;
FIXED_SIZE[BsonType.int] = 4;
FIXED_SIZE[BsonType.timestamp] = 8;
FIXED_SIZE[BsonType.long] = 8;
FIXED_SIZE[BsonType.decimal] = 16;
for (const type of [BsonType.null, BsonType.undefined, BsonType.minKey, BsonType.maxKey]) FIXED_SIZE[type] = 0;

function invalid(what: string): never {
  return fail(22, `invalid BSON: ${what}`); // 22 is InvalidBSON
}

function textEnd(bytes: Uint8Array, at: number, limit: number): number {
  if (at + 5 > limit) invalid('text past the end');
  const end = at + 4 + int32At(bytes, at);
  if (end <= at + 4 || end > limit || bytes[end - 1] !== 0) invalid('length of a text');
  return end;
}

function cStringEnd(bytes: Uint8Array, at: number, limit: number): number {
  let end = at;
  while (end < limit && bytes[end] !== 0) end++;
  if (end >= limit) invalid('unterminated name');
  return end + 1;
}

/** Throws MongoDB's error unless a well-formed document lies at `start` and ends by `limit`; returns its end. */
export function checkDocument(bytes: Uint8Array, start: number, limit: number, depth = 0): number {
  if (depth > MAX_DEPTH) fail(ErrorCode.Overflow, `BSONObj exceeds maximum nested object depth: ${MAX_DEPTH}`);
  if (start + 5 > limit) invalid('document past the end');
  const end = start + int32At(bytes, start);
  if (end < start + 5 || end > limit || bytes[end - 1] !== 0) invalid('length of a document');
  let at = start + 4;
  while (at < end - 1) {
    const type = bytes[at]!;
    at = checkValue(bytes, type, cStringEnd(bytes, at + 1, end), end, depth);
    if (at > end - 1) invalid('value past the end');
  }
  return end;
}

function checkValue(bytes: Uint8Array, type: number, at: number, limit: number, depth: number): number {
  const fixed = FIXED_SIZE[type]!;
  if (fixed >= 0) return at + fixed;
  switch (type) {
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return textEnd(bytes, at, limit);
    case BsonType.object:
    case BsonType.array:
      return checkDocument(bytes, at, limit, depth + 1);
    case BsonType.binary: {
      const length = at + 5 <= limit ? int32At(bytes, at) : -1;
      if (length < 0) invalid('length of binary data');
      return at + 5 + length;
    }
    case BsonType.regex:
      return cStringEnd(bytes, cStringEnd(bytes, at, limit), limit);
    case BsonType.dbPointer:
      return textEnd(bytes, at, limit) + 12;
    case BsonType.codeWithScope: {
      const text = textEnd(bytes, at + 4, limit);
      return checkDocument(bytes, text, limit, depth + 1);
    }
    default:
      return invalid(`unknown type ${type}`);
  }
}
