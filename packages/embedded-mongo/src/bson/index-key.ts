/**
 * Encodes BSON values to bytes whose plain byte order is MongoDB's comparison order over all types. One encoding serves
 * indexes, sorts, grouping, distinct and equality, so that they cannot disagree.
 *
 * Each value is a type tag and a body that is prefix-free. Numbers of all four types compare by value: the nearest
 * double, then the residual (0 for int32 and double). Descending fields are the same bytes inverted.
 */

import { Int32, ObjectId } from 'bson';
import { copyBytes } from './copy-bytes.ts';
import { decimalResidual } from './decimal-arithmetic.ts';
import { afterCString, afterValue, BsonType, int32At } from './raw-document.ts';
import { ENCODED_VALUE_AT, encodeValue } from './typed-values.ts';

/** Order of the types; gaps leave room to bound "everything of this type" with tag + 1. */
export const KeyTag = {
  minKey: 0x10,
  undefined: 0x18,
  null: 0x20,
  number: 0x28,
  string: 0x30,
  object: 0x38,
  array: 0x40,
  binary: 0x48,
  objectId: 0x50,
  bool: 0x58,
  date: 0x60,
  timestamp: 0x68,
  regex: 0x70,
  dbPointer: 0x78,
  code: 0x80,
  codeWithScope: 0x88,
  maxKey: 0x90,
} as const;

const TAG_OF_TYPE = new Uint8Array(256);
TAG_OF_TYPE[BsonType.missing] = KeyTag.null;
TAG_OF_TYPE[BsonType.double] = KeyTag.number;
TAG_OF_TYPE[BsonType.string] = KeyTag.string;
TAG_OF_TYPE[BsonType.object] = KeyTag.object;
TAG_OF_TYPE[BsonType.array] = KeyTag.array;
TAG_OF_TYPE[BsonType.binary] = KeyTag.binary;
TAG_OF_TYPE[BsonType.undefined] = KeyTag.undefined;
TAG_OF_TYPE[BsonType.objectId] = KeyTag.objectId;
TAG_OF_TYPE[BsonType.bool] = KeyTag.bool;
TAG_OF_TYPE[BsonType.date] = KeyTag.date;
TAG_OF_TYPE[BsonType.null] = KeyTag.null;
TAG_OF_TYPE[BsonType.regex] = KeyTag.regex;
TAG_OF_TYPE[BsonType.dbPointer] = KeyTag.dbPointer;
TAG_OF_TYPE[BsonType.code] = KeyTag.code;
TAG_OF_TYPE[BsonType.symbol] = KeyTag.string;
TAG_OF_TYPE[BsonType.codeWithScope] = KeyTag.codeWithScope;
TAG_OF_TYPE[BsonType.int] = KeyTag.number;
TAG_OF_TYPE[BsonType.timestamp] = KeyTag.timestamp;
TAG_OF_TYPE[BsonType.long] = KeyTag.number;
TAG_OF_TYPE[BsonType.decimal] = KeyTag.number;
TAG_OF_TYPE[BsonType.maxKey] = KeyTag.maxKey;
TAG_OF_TYPE[BsonType.minKey] = KeyTag.minKey;

/** The key tag of a BSON type: two values compare by type exactly when their tags differ. */
export function tagOfType(type: number): number {
  return TAG_OF_TYPE[type]!;
}

/** Appends encoded values to one growing buffer. */
export class KeyWriter {
  bytes: Buffer;
  length = 0;

  constructor(size = 256) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  reset(): this {
    this.length = 0;
    return this;
  }

  /** A copy of what was written. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafe(this.length);
    copyBytes(copy, 0, this.bytes, 0, this.length);
    return copy;
  }

  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  append(source: Uint8Array, start = 0, end = source.length): void {
    this.reserve(end - start);
    for (let i = start; i < end; i++) this.bytes[this.length++] = source[i]!;
  }

  /** Writes the raw value of `type` at `at`; `descending` inverts the order. */
  value(source: Buffer, type: number, at: number, descending = false): void {
    const from = this.length;
    this.byte(TAG_OF_TYPE[type]!);
    this.body(source, type, at);
    if (descending) for (let i = from; i < this.length; i++) this.bytes[i] = ~this.bytes[i]! & 0xff;
  }

  private body(source: Buffer, type: number, at: number): void {
    switch (type) {
      case BsonType.double:
        this.double(source.readDoubleLE(at));
        break;
      case BsonType.int:
        this.double(int32At(source, at));
        break;
      case BsonType.long:
        this.long(source, at);
        break;
      case BsonType.decimal:
        this.decimal(source, at);
        break;
      case BsonType.string:
      case BsonType.symbol:
      case BsonType.code:
        this.text(source, at + 4, at + 3 + int32At(source, at));
        break;
      case BsonType.object:
        this.document(source, at, true);
        break;
      case BsonType.array:
        this.document(source, at, false);
        break;
      case BsonType.objectId:
        this.append(source, at, at + 12);
        break;
      case BsonType.bool:
        this.byte(source[at]!);
        break;
      case BsonType.date:
        this.reversed(source, at, 0x80);
        break;
      case BsonType.timestamp:
        this.reversed(source, at, 0);
        break;
      default:
        this.rareBody(source, type, at);
        break;
    }
  }

  private rareBody(source: Buffer, type: number, at: number): void {
    if (type === BsonType.binary) {
      const length = int32At(source, at);
      this.reserve(4);
      this.length = this.bytes.writeInt32BE(length, this.length);
      this.append(source, at + 4, at + 5 + length);
    } else if (type === BsonType.regex) {
      const flags = afterCString(source, at);
      this.append(source, at, afterCString(source, flags));
    } else if (type === BsonType.codeWithScope) {
      const text = at + 4;
      this.text(source, text + 4, text + 3 + int32At(source, text));
      this.document(source, text + 4 + int32At(source, text), true);
    } else if (type === BsonType.dbPointer) {
      this.append(source, at, afterValue(source, type, at));
    }
  }

  /** Text ends with 00 01 and a zero byte inside it is 00 FF, so that no text is a prefix of another. */
  private text(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start + 2);
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      this.byte(byte);
      if (byte === 0) this.byte(0xff);
    }
    this.byte(0);
    this.byte(1);
  }

  /** Embedded documents compare element by element: type, then name, then value; arrays by type and value. */
  private document(source: Buffer, start: number, withNames: boolean): void {
    let at = start + 4;
    for (let type = source[at]!; type !== 0; type = source[at]!) {
      const value = afterCString(source, at + 1);
      this.byte(TAG_OF_TYPE[type]!);
      if (withNames) this.append(source, at + 1, value);
      this.body(source, type, value);
      at = afterValue(source, type, value);
    }
    this.byte(0);
  }

  /** The body of a number that a double holds. */
  double(value: number): void {
    this.orderedDouble(value);
    this.byte(0x80);
  }

  private orderedDouble(value: number): void {
    this.reserve(8);
    const at = this.length;
    this.length += 8;
    if (Number.isNaN(value)) {
      this.bytes.fill(0, at, at + 8);
      return;
    }
    this.bytes.writeDoubleBE(value === 0 ? 0 : value, at);
    if (this.bytes[at]! & 0x80) for (let i = at; i < at + 8; i++) this.bytes[i] = ~this.bytes[i]! & 0xff;
    else this.bytes[at] = this.bytes[at]! | 0x80;
  }

  private long(source: Buffer, at: number): void {
    const high = int32At(source, at + 4);
    if (high >= -0x200000 && high < 0x200000) {
      this.double(high * 0x100000000 + (int32At(source, at) >>> 0));
      return;
    }
    const exact = source.readBigInt64LE(at);
    const rounded = Number(exact);
    this.orderedDouble(rounded);
    this.residual(Number(exact - BigInt(rounded)));
    this.byte(0x80);
  }

  private decimal(source: Buffer, at: number): void {
    const { nearest, residuals } = decimalResidual(source, at);
    this.orderedDouble(nearest);
    for (const residual of residuals) this.residual(residual);
    this.byte(0x80);
  }

  private residual(value: number): void {
    if (value === 0) return;
    this.byte(value < 0 ? 0x40 : 0xc0);
    this.orderedDouble(value);
  }

  /** Little-endian 8 bytes as big-endian; `flip` 0x80 makes signed values order as unsigned ones. */
  private reversed(source: Uint8Array, at: number, flip: number): void {
    this.reserve(8);
    for (let i = 7; i >= 0; i--) this.bytes[this.length++] = source[at + i]!;
    this.bytes[this.length - 8] = this.bytes[this.length - 8]! ^ flip;
  }
}

const scratch = new KeyWriter(1024);

/** The ordered bytes of one typed value (undefined orders as null). */
export function keyOfValue(value: unknown): Buffer {
  if (value instanceof ObjectId) return keyOfObjectId(value);
  if (value instanceof Int32) return keyOfInt32(value.value);
  const encoded = encodeValue(value);
  scratch.reset().value(encoded, encoded[4]!, ENCODED_VALUE_AT);
  return scratch.copy();
}

/** The commonest keys, without encoding the value first. */
function keyOfObjectId({ id }: ObjectId): Buffer {
  const key = Buffer.allocUnsafe(13);
  key[0] = KeyTag.objectId;
  for (let i = 0; i < 12; i++) key[i + 1] = id[i]!;
  return key;
}

function keyOfInt32(value: number): Buffer {
  scratch.reset().byte(KeyTag.number);
  scratch.double(value);
  return scratch.copy();
}

/** The ordered bytes of one raw value. */
export function keyOfRaw(bytes: Buffer, type: number, at: number): Buffer {
  scratch.reset().value(bytes, type, at);
  return scratch.copy();
}

/** A string that is equal for two typed values exactly when MongoDB calls them equal: usable as a Map key. */
export function identityOf(value: unknown): string {
  const encoded = encodeValue(value);
  scratch.reset().value(encoded, encoded[4]!, ENCODED_VALUE_AT);
  return scratch.bytes.toString('latin1', 0, scratch.length);
}

/** The same string of a raw value. */
export function identityOfRaw(bytes: Buffer, type: number, at: number): string {
  scratch.reset().value(bytes, type, at);
  return scratch.bytes.toString('latin1', 0, scratch.length);
}

/** Compares two typed values in MongoDB's order; negative, 0 or positive. */
export function compareValues(a: unknown, b: unknown): number {
  return Buffer.compare(keyOfValue(a), keyOfValue(b));
}
