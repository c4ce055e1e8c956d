/** Tests on one raw BSON value: equality, ranges, types and the like. Missing fields come as type 0. */
import { BSONRegExp, type Document, Long } from 'bson';
import { type Collation, collatedIdentity, compareCollated } from '../bson/collation.ts';
import { KeyWriter, keyOfValue, tagOfType } from '../bson/index-key.ts';
import { afterCString, afterValue, BsonType, int32At } from '../bson/raw-document.ts';
import { bsonTypeOf, decodeValueAt, numberOf, TYPE_NAMES } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';

/** Tests the value of `type` that starts at `at`. */
export type ValuePredicate = (bytes: Buffer, type: number, at: number) => boolean;

export type Comparison = 'gt' | 'gte' | 'lt' | 'lte';

const scratch = new KeyWriter(512);

/** The number of a raw int, double, or long that a double holds exactly; else undefined. */
function plainNumber(bytes: Buffer, type: number, at: number): number | undefined {
  if (type === BsonType.int) return int32At(bytes, at);
  if (type === BsonType.double) return bytes.readDoubleLE(at);
  if (type !== BsonType.long) return undefined;
  const high = int32At(bytes, at + 4);
  if (high < -0x200000 || high >= 0x200000) return undefined;
  return high * 0x100000000 + (int32At(bytes, at) >>> 0);
}

function exactNumber(value: unknown): number | undefined {
  const number = numberOf(value);
  if (number === undefined || Number.isNaN(number)) return undefined;
  const type = bsonTypeOf(value);
  if (type === BsonType.decimal) return undefined;
  if (value instanceof Long && !Number.isSafeInteger(number)) return undefined;
  return number;
}

function decode(bytes: Buffer, type: number, at: number): unknown {
  return decodeValueAt(bytes, type, at, type === BsonType.missing ? at : afterValue(bytes, type, at));
}

/** Equality with a typed value; null also matches missing and undefined. */
export function equals(value: unknown, collation: Collation | undefined): ValuePredicate {
  if (value === null || value === undefined) {
    return (_bytes, type) => type === BsonType.null || type === BsonType.missing || type === BsonType.undefined;
  }
  if (value instanceof RegExp || value instanceof BSONRegExp) return matchesRegex(value, true);
  if (collation) return equalsCollated(value, collation);
  if (typeof value === 'string') return equalsText(value);
  const number = exactNumber(value);
  if (number !== undefined) {
    const general = equalsKey(value);
    return (bytes, type, at) => {
      const plain = plainNumber(bytes, type, at);
      if (plain !== undefined) return plain === number;
      return type === BsonType.decimal || type === BsonType.long ? general(bytes, type, at) : false;
    };
  }
  return equalsKey(value);
}

function equalsText(value: string): ValuePredicate {
  const text = Buffer.from(value);
  return (bytes, type, at) => {
    if (type !== BsonType.string && type !== BsonType.symbol) return false;
    if (int32At(bytes, at) !== text.length + 1) return false;
    for (let i = 0; i < text.length; i++) if (bytes[at + 4 + i] !== text[i]) return false;
    return true;
  };
}

/** What an index decides is never tested: the key is made for the first value that is. */
function equalsKey(value: unknown): ValuePredicate {
  let made: Buffer | undefined;
  return (bytes, type, at) => {
    made ??= keyOfValue(value);
    const key = made;
    if (type === BsonType.missing || tagOfType(type) !== key[0]) return false;
    scratch.reset().value(bytes, type, at);
    return scratch.length === key.length && key.compare(scratch.bytes, 0, scratch.length) === 0;
  };
}

function equalsCollated(value: unknown, collation: Collation): ValuePredicate {
  const identity = collatedIdentity(value, collation);
  const tag = tagOfType(bsonTypeOf(value));
  return (bytes, type, at) =>
    type !== BsonType.missing &&
    tagOfType(type) === tag &&
    collatedIdentity(decode(bytes, type, at), collation) === identity;
}

const ACCEPTS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
};

/** A range test. Only values of the operand's own type match, except against MinKey and MaxKey. */
export function compares(comparison: Comparison, value: unknown, collation: Collation | undefined): ValuePredicate {
  const accepts = ACCEPTS[comparison];
  const type = bsonTypeOf(value);
  if (value === null || value === undefined) {
    return comparison === 'gte' || comparison === 'lte' ? equals(null, undefined) : () => false;
  }
  if (type === BsonType.minKey || type === BsonType.maxKey) {
    const key = keyOfValue(value);
    return (_bytes, actual) => accepts((actual === 0 ? tagOfType(BsonType.null) : tagOfType(actual)) - key[0]!);
  }
  if (collation) return comparesCollated(accepts, value, collation);
  const general = comparesKey(accepts, value);
  const number = exactNumber(value);
  if (number === undefined) return general;
  return (bytes, actual, at) => {
    const plain = plainNumber(bytes, actual, at);
    if (plain === undefined) return general(bytes, actual, at);
    return Number.isNaN(plain) ? false : accepts(plain - number || (plain < number ? -1 : plain > number ? 1 : 0));
  };
}

const NAN = keyOfValue(Number.NaN);

function comparesKey(accepts: (order: number) => boolean, value: unknown): ValuePredicate {
  const isNumber = numberOf(value) !== undefined;
  let made: Buffer | undefined; // as in equalsKey
  return (bytes, type, at) => {
    made ??= keyOfValue(value);
    const key = made;
    if (type === BsonType.missing || tagOfType(type) !== key[0]) return false;
    scratch.reset().value(bytes, type, at);
    const own = scratch.bytes.subarray(0, scratch.length);
    // NaN is ordered below all numbers in sorts, but a range matches it only with an equal bound
    if (isNumber && (key.equals(NAN) || own.equals(NAN))) return accepts(0) && own.equals(key);
    return accepts(own.compare(key));
  };
}

function comparesCollated(accepts: (order: number) => boolean, value: unknown, collation: Collation): ValuePredicate {
  const tag = tagOfType(bsonTypeOf(value));
  return (bytes, type, at) =>
    type !== BsonType.missing &&
    tagOfType(type) === tag &&
    accepts(compareCollated(decode(bytes, type, at), value, collation));
}

/** Membership in a list, which may hold regular expressions and null. */
export function isIn(values: readonly unknown[], collation: Collation | undefined): ValuePredicate {
  if (values.length <= 8) {
    const tests = values.map((value) => equals(value, collation));
    return (bytes, type, at) => tests.some((test) => test(bytes, type, at));
  }
  const special = values.filter((value) => value === null || bsonTypeOf(value) === BsonType.regex);
  const specialTests = special.map((value) => equals(value, collation));
  let made: Set<string> | undefined; // as in equalsKey
  return (bytes, type, at) => {
    made ??= new Set(values.map((value) => collatedIdentity(value, collation)));
    const identities = made;
    if (specialTests.some((test) => test(bytes, type, at))) return true;
    if (type === BsonType.missing || type === BsonType.null) return false;
    if (collation) return identities.has(collatedIdentity(decode(bytes, type, at), collation));
    scratch.reset().value(bytes, type, at);
    return identities.has(scratch.bytes.toString('latin1', 0, scratch.length));
  };
}

/** Compiles MongoDB's regex options to a JavaScript one. */
export function compileRegex(pattern: string, options: string): RegExp {
  let flags = '';
  let source = pattern;
  for (const option of options) {
    if ('imsu'.includes(option)) flags += option;
    else if (option === 'x') source = source.replace(/\\#|#.*$|\s+/gm, (part) => (part === '\\#' ? part : ''));
    else fail(51108, `invalid flag in regex options: ${option}`);
  }
  const inline = /^\(\?([ims]+)\)/.exec(source);
  if (inline) {
    flags += inline[1];
    source = source.slice(inline[0].length);
  }
  try {
    return new RegExp(source, [...new Set(flags)].join(''));
  } catch (error) {
    return fail(51091, `Regular expression is invalid: ${(error as Error).message}`);
  }
}

/** A regular expression on strings; `orEqual` also accepts a stored regex that is the same. */
export function matchesRegex(value: RegExp | BSONRegExp, orEqual: boolean): ValuePredicate {
  const pattern = value instanceof BSONRegExp ? value.pattern : value.source;
  const options = value instanceof BSONRegExp ? value.options : value.flags;
  const regex = compileRegex(pattern, options);
  return (bytes, type, at) => {
    if (type === BsonType.string || type === BsonType.symbol) {
      return regex.test(bytes.toString('utf8', at + 4, at + 3 + int32At(bytes, at)));
    }
    if (!orEqual || type !== BsonType.regex) return false;
    const flags = afterCString(bytes, at);
    const sameFlags = bytes.toString('utf8', flags, afterCString(bytes, flags) - 1) === options;
    return sameFlags && bytes.toString('utf8', at, flags - 1) === pattern;
  };
}

const TYPE_NUMBERS = new Map(Object.entries(TYPE_NAMES).map(([number, name]) => [name, Number(number)]));

/** `$type`: names, numbers, "number", or a list of them. */
export function hasType(operand: unknown): ValuePredicate {
  const accepted = new Set<number>();
  for (const item of Array.isArray(operand) ? operand : [operand]) {
    if (item === 'number') for (const n of [1, 16, 18, 19]) accepted.add(n);
    else accepted.add(typeNumber(item));
  }
  return (_bytes, type) => accepted.has(type);
}

function typeNumber(item: unknown): number {
  const number = typeof item === 'string' ? TYPE_NUMBERS.get(item) : numberOf(item);
  if (typeof item === 'string' && (number === undefined || number === 0)) {
    return fail(ErrorCode.BadValue, `Unknown type name alias: ${item}`);
  }
  if (number === -1) return BsonType.minKey;
  if (number === undefined || !(number in TYPE_NAMES) || number === 0) {
    return fail(ErrorCode.BadValue, `Invalid numerical type code: ${String(item)}`);
  }
  return number;
}

/** `$mod: [divisor, remainder]`. */
export function hasRemainder(operand: unknown): ValuePredicate {
  if (!Array.isArray(operand)) return fail(ErrorCode.BadValue, 'malformed mod, needs to be an array');
  if (operand.length < 2) return fail(ErrorCode.BadValue, 'malformed mod, not enough elements');
  if (operand.length > 2) return fail(ErrorCode.BadValue, 'malformed mod, too many elements');
  const divisor = Math.trunc(numberOf(operand[0]) ?? Number.NaN);
  const remainder = Math.trunc(numberOf(operand[1]) ?? 0);
  if (Number.isNaN(divisor)) return fail(ErrorCode.BadValue, 'malformed mod, divisor not a number');
  if (divisor === 0) return fail(ErrorCode.BadValue, 'divisor cannot be 0');
  return (bytes, type, at) => {
    const number = plainNumber(bytes, type, at) ?? numberOf(type === BsonType.decimal ? decode(bytes, type, at) : null);
    return number !== undefined && Number.isFinite(number) && Math.trunc(number) % divisor === remainder;
  };
}

/** `$bitsAllSet` and its three siblings. */
export function hasBits(operator: string, operand: unknown): ValuePredicate {
  const mask = bitMask(operator, operand);
  return (bytes, type, at) => {
    const bits = bitsOf(bytes, type, at);
    if (bits === undefined) return false;
    const set = bits & mask;
    if (operator === '$bitsAllSet') return set === mask;
    if (operator === '$bitsAllClear') return set === 0n;
    if (operator === '$bitsAnySet') return set !== 0n;
    return set !== mask;
  };
}

function bitMask(operator: string, operand: unknown): bigint {
  if (Array.isArray(operand)) return operand.reduce((mask, bit) => mask | (1n << BigInt(numberOf(bit) ?? 0)), 0n);
  const number = numberOf(operand);
  if (number !== undefined && Number.isInteger(number) && number >= 0) return BigInt(number);
  const buffer = (operand as Document | null)?.buffer;
  if (buffer instanceof Uint8Array) return littleEndian(buffer);
  return fail(ErrorCode.BadValue, `${operator} takes an Array, a number, or a BinData`);
}

function bitsOf(bytes: Buffer, type: number, at: number): bigint | undefined {
  if (type === BsonType.int) return BigInt(int32At(bytes, at));
  if (type === BsonType.long) return bytes.readBigInt64LE(at);
  if (type === BsonType.double) {
    const number = bytes.readDoubleLE(at);
    return Number.isInteger(number) ? BigInt(number) : undefined;
  }
  if (type === BsonType.binary) return littleEndian(bytes.subarray(at + 5, at + 5 + int32At(bytes, at)));
  return undefined;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

/** Query operators that compare. */
export const compareOperators: Readonly<Record<string, Comparison>> = {
  $gt: 'gt',
  $gte: 'gte',
  $lt: 'lt',
  $lte: 'lte',
};
