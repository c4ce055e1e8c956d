/** Turns the predicates on one index field into byte ranges of the index. */
import type { BSONRegExp } from 'bson';
import { KeyTag, keyOfValue, tagOfType } from '../bson/index-key.ts';
import { BsonType } from '../bson/raw-document.ts';
import { bsonTypeOf, numberOf } from '../bson/typed-values.ts';
import type { Leaf } from './filter.ts';

/** A place between encoded values: just before all keys that begin with `key`, or just past them. */
export interface Bound {
  readonly key: Buffer;
  readonly past: boolean;
}

/** Half-open range of encoded values of one field. */
export interface Interval {
  readonly lower: Bound;
  readonly upper: Bound;
  /** The range is one value. */
  readonly point: boolean;
}

/** Bounds from one predicate; `exact` means that no document inside can fail the predicate. */
export interface FieldBounds {
  readonly intervals: readonly Interval[];
  readonly exact: boolean;
}

/** No key goes on with FF FF after a whole value: type tags end at EF, and an inverted end of text is FF FE. */
export const PAST = Buffer.from([0xff, 0xff]);

/** The bound as bytes that keys can be compared with. */
export function bytesOfBound(bound: Bound): Buffer {
  return bound.past ? Buffer.concat([bound.key, PAST]) : bound.key;
}

function compareBounds(a: Bound, b: Bound): number {
  return Buffer.compare(bytesOfBound(a), bytesOfBound(b));
}

function pointOf(value: unknown): Interval {
  return pointOfKey(keyOfValue(value));
}

function pointOfKey(key: Buffer): Interval {
  return { lower: { key, past: false }, upper: { key, past: true }, point: true };
}

const typeIntervals = new Map<number, Interval>();

/** Everything of one type. The neighbouring tags are never used, so both ends can be inverted. */
function typeInterval(tag: number): Interval {
  const known = typeIntervals.get(tag);
  if (known) return known;
  const interval = {
    lower: { key: Buffer.from([tag - 1]), past: true },
    upper: { key: Buffer.from([tag + 1]), past: false },
    point: false,
  };
  typeIntervals.set(tag, interval);
  return interval;
}

/** Values that an index finds by equality. Arrays need their elements, and regular expressions match. */
function isPointValue(value: unknown): boolean {
  const type = bsonTypeOf(value);
  return type !== BsonType.array && type !== BsonType.regex && type !== BsonType.undefined;
}

/** Bounds of a predicate, or undefined when an index cannot narrow it. */
export function boundsOf(leaf: Leaf): FieldBounds | undefined {
  if (leaf.negated) return undefined;
  switch (leaf.operator) {
    case 'eq':
      if (!isPointValue(leaf.operand)) return undefined;
      return { intervals: pointsOf(leaf.operand), exact: leaf.operand !== null };
    case 'in':
      return inBounds(leaf.operand as unknown[]);
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return rangeBounds(leaf.operator, leaf.operand);
    case 'regex':
      return regexBounds(leaf.operand);
    default:
      return undefined;
  }
}

const UNDEFINED_POINT = pointOfKey(Buffer.from([KeyTag.undefined]));

/** Null also finds the deprecated undefined, which an empty array is indexed as: the filter decides. */
function pointsOf(value: unknown): Interval[] {
  return value === null ? [UNDEFINED_POINT, pointOf(null)] : [pointOf(value)];
}

function inBounds(values: unknown[]): FieldBounds | undefined {
  if (!values.every(isPointValue)) return undefined;
  // all of them are points, which begin where their keys do
  const sorted = values.flatMap(pointsOf).sort((a, b) => Buffer.compare(a.lower.key, b.lower.key));
  const intervals = sorted.filter((interval, i) => i === 0 || !interval.lower.key.equals(sorted[i - 1]!.lower.key));
  return { intervals, exact: !values.includes(null) };
}

function rangeBounds(operator: 'gt' | 'gte' | 'lt' | 'lte', value: unknown): FieldBounds | undefined {
  const type = bsonTypeOf(value);
  if (type === BsonType.null || type === BsonType.array || type === BsonType.object || type === BsonType.regex) {
    return undefined;
  }
  if (type === BsonType.minKey || type === BsonType.maxKey) return undefined;
  if (Number.isNaN(numberOf(value))) return undefined;
  const tag = tagOfType(type);
  const key = keyOfValue(value);
  let { lower, upper } = typeInterval(tag);
  if (operator === 'gt') lower = { key, past: true };
  else if (operator === 'gte') lower = { key, past: false };
  else {
    if (tag === KeyTag.number) lower = { key: keyOfValue(Number.NaN), past: true }; // NaN is in no range
    upper = { key, past: operator === 'lte' };
  }
  return { intervals: [{ lower, upper, point: false }], exact: true };
}

/** `/^abc/` scans the strings that begin with abc. */
function regexBounds(operand: unknown): FieldBounds | undefined {
  const pattern = typeof operand === 'string' ? operand : (operand as BSONRegExp).pattern;
  const options = typeof operand === 'string' ? '' : (operand as BSONRegExp).options;
  const prefix = options === '' ? /^\^([\w @:/#=-]+)(?![*+?{|\w])/.exec(pattern)?.[1] : undefined;
  if (!prefix || pattern.includes('|')) return undefined;
  const safe = /^[*?{]/.test(pattern.slice(1 + prefix.length)) ? prefix.slice(0, -1) : prefix;
  if (safe === '') return undefined;
  const key = keyOfValue(safe).subarray(0, -2); // without the end mark of the text
  const strings = { lower: { key, past: false }, upper: { key, past: true }, point: false };
  return { intervals: [strings, typeInterval(KeyTag.regex)], exact: false };
}

/** Everything: for a field that the index is only scanned by. */
export const FULL_INTERVAL: Interval = {
  lower: { key: Buffer.from([KeyTag.minKey - 1]), past: true },
  upper: { key: Buffer.from([KeyTag.maxKey + 1]), past: false },
  point: false,
};

/** What lies in both; only for fields that no document holds an array in. */
export function intersect(a: FieldBounds, b: FieldBounds): FieldBounds {
  const intervals: Interval[] = [];
  for (const x of a.intervals) {
    for (const y of b.intervals) {
      const lower = compareBounds(x.lower, y.lower) >= 0 ? x.lower : y.lower;
      const upper = compareBounds(x.upper, y.upper) <= 0 ? x.upper : y.upper;
      if (compareBounds(lower, upper) < 0) intervals.push({ lower, upper, point: x.point || y.point });
    }
  }
  return { intervals, exact: a.exact && b.exact };
}

/** True when every interval of `inner` lies in one of `outer`. */
export function isWithin(inner: FieldBounds, outer: FieldBounds): boolean {
  return inner.intervals.every((a) =>
    outer.intervals.some((b) => compareBounds(a.lower, b.lower) >= 0 && compareBounds(a.upper, b.upper) <= 0),
  );
}

/** The same interval in a descending field, whose bytes are inverted. */
export function descendingInterval(interval: Interval): Interval {
  return { lower: invert(interval.upper), upper: invert(interval.lower), point: interval.point };
}

/** Past all keys that begin with K, ascending, is before all that begin with ~K, descending. */
function invert(bound: Bound): Bound {
  return { key: Buffer.from(bound.key.map((byte) => ~byte & 0xff)), past: !bound.past };
}
