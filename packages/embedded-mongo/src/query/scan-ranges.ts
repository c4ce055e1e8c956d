/** Composes the bounds of an index's fields to key ranges, and tells which sort their order gives. */
import { copyBytes } from '../bson/copy-bytes.ts';
import type { IndexDefinition } from '../store/index-definition.ts';
import type { IndexField } from '../store/index-keys.ts';
import { afterTree, treePrefix } from '../store/key-value-store.ts';
import { type Bound, bytesOfBound, descendingInterval, type FieldBounds, type Interval, PAST } from './index-bounds.ts';

/** A half-open range of keys with the tree's prefix. */
export interface ScanRange {
  readonly lower: Buffer;
  readonly upper: Buffer;
  /** Length of the part that is the same in all keys of the range because its fields are bound to points. */
  readonly prefixLength: number;
  /** All fields are bound to points: in a unique index `lower` is the only key that can be in the range. */
  readonly whole: boolean;
}

export interface IndexRanges {
  readonly ranges: readonly ScanRange[];
  /** How many leading fields have bounds in the ranges. */
  readonly fieldsUsed: number;
  /** Leading fields bound to one value, and to a list of values. */
  readonly points: number;
  readonly lists: number;
  readonly hasRange: boolean;
  /** The fields bound to exactly one value. */
  readonly constant: readonly boolean[];
  readonly mayRepeat: boolean;
}

/** More ranges than this cost more than they save. */
const MAX_RANGES = 5000;

/** Builds the ranges for the bounds of each field, in the index's order. */
export function buildRanges(index: IndexDefinition, bounds: readonly (FieldBounds | undefined)[]): IndexRanges {
  let prefixes: Buffer[] = [treePrefix(index.treeId)];
  let field = 0;
  let points = 0;
  let lists = 0;
  const constant: boolean[] = index.fields.map(() => false);
  for (; field < index.fields.length; field++) {
    const intervals = ordered(index.fields[field]!, bounds[field]);
    if (!intervals?.every((interval) => interval.point)) break;
    if (prefixes.length * intervals.length > MAX_RANGES) break;
    prefixes = prefixes.flatMap((prefix) => intervals.map((interval) => Buffer.concat([prefix, pointKey(interval)])));
    if (intervals.length === 1) {
      points++;
      constant[field] = true;
    } else lists++;
  }
  const last = field < index.fields.length ? ordered(index.fields[field]!, bounds[field]) : undefined;
  const useLast = last !== undefined && prefixes.length * last.length <= MAX_RANGES;
  const ranges = prefixes.flatMap((prefix) => (useLast ? rangesIn(prefix, last) : [allWith(index, prefix, field)]));
  const multikey = index.multikey.some(Boolean);
  return {
    ranges,
    fieldsUsed: field + (useLast ? 1 : 0),
    points,
    lists,
    hasRange: useLast,
    constant,
    mayRepeat: multikey && !index.multikey.every((isArray, i) => !isArray || constant[i]),
  };
}

/** The range of an index whose first fields are bound to one interval each, all but the last of them to a point. */
export function buildRange(index: IndexDefinition, intervals: readonly Interval[]): ScanRange {
  const points = intervals.map((interval, field) => inOrder(index.fields[field]!, interval));
  const last = points.at(-1)!;
  if (!last.point) points.pop();
  const ends = last.point ? AROUND_PREFIX : last;
  const prefixLength = points.reduce((length, point) => length + pointKey(point).length, PREFIX_BYTES);
  return {
    lower: boundBehind(index, points, prefixLength, ends.lower),
    upper: boundBehind(index, points, prefixLength, ends.upper),
    prefixLength,
    whole: points.length === index.fields.length,
  };
}

/** Length of what `treePrefix` makes. */
const PREFIX_BYTES = 4;
const NOTHING = Buffer.alloc(0);
/** What comes behind points when no more is bound: all keys that begin with them. */
const AROUND_PREFIX = { lower: { key: NOTHING, past: false }, upper: { key: NOTHING, past: true } };

/** The key of a bound behind points, in one buffer: a query may have hundreds of ranges. */
function boundBehind(index: IndexDefinition, points: readonly Interval[], prefixLength: number, bound: Bound): Buffer {
  const { key, past } = bound;
  const bytes = Buffer.allocUnsafe(prefixLength + key.length + (past ? PAST.length : 0));
  let at = bytes.writeUInt32BE(index.treeId);
  for (const point of points) at = copyBytes(bytes, at, pointKey(point));
  at = copyBytes(bytes, at, key);
  if (past) copyBytes(bytes, at, PAST);
  return bytes;
}

const inOrder = ({ descending }: IndexField, interval: Interval): Interval =>
  descending ? descendingInterval(interval) : interval;

/** An ascending interval's point: the key with which its keys begin. */
function pointKey(interval: Interval): Buffer {
  return interval.lower.key;
}

function ordered(field: IndexField, bounds: FieldBounds | undefined): readonly Interval[] | undefined {
  if (!bounds) return undefined;
  if (!field.descending) return bounds.intervals;
  return bounds.intervals.map(descendingInterval).reverse();
}

function rangesIn(prefix: Buffer, intervals: readonly Interval[]): ScanRange[] {
  const at = ({ key, past }: Bound) => Buffer.concat(past ? [prefix, key, PAST] : [prefix, key]);
  const rest = { prefixLength: prefix.length, whole: false };
  return intervals.map(({ lower, upper }) => ({ lower: at(lower), upper: at(upper), ...rest }));
}

/** All keys that begin with the points of so many fields. */
function allWith(index: IndexDefinition, prefix: Buffer, fields: number): ScanRange {
  const upper = fields === 0 ? afterTree(index.treeId) : bytesOfBound({ key: prefix, past: true });
  return { lower: prefix, upper, prefixLength: prefix.length, whole: fields === index.fields.length };
}

/**
 * Whether the ranges give the requested order: undefined if not, else the direction, and whether ranges of a list of
 * values must be merged.
 */
export function sortFromIndex(
  index: IndexDefinition,
  ranges: IndexRanges,
  sort: readonly IndexField[] | undefined,
): { reverse: boolean; merge: boolean } | undefined {
  if (!sort) return undefined;
  const bound = ranges.points + ranges.lists;
  let field = firstSortField(index, ranges, sort[0]!);
  let reverse: boolean | undefined;
  for (const wanted of sort) {
    const constant = index.fields.findIndex((own, i) => ranges.constant[i] && own.path.text === wanted.path.text);
    if (constant !== -1 && !index.multikey[constant]) continue;
    while (field < index.fields.length && ranges.constant[field]) field++;
    const own = index.fields[field];
    if (!own || own.path.text !== wanted.path.text || index.multikey[field]) return undefined;
    const backwards = own.descending !== wanted.descending;
    if (reverse !== undefined && reverse !== backwards) return undefined;
    reverse = backwards;
    field++;
  }
  return { reverse: reverse ?? false, merge: mustMerge(index, ranges, sort, bound) };
}

/** Sorting may begin at a listed field itself, whose values are scanned in order, or behind all bound fields. */
function firstSortField(index: IndexDefinition, ranges: IndexRanges, first: IndexField): number {
  const bound = ranges.points + ranges.lists;
  const listed = index.fields.findIndex(
    (own, i) => i < bound && !ranges.constant[i] && own.path.text === first.path.text,
  );
  const earlierList = index.fields.findIndex((_, i) => i < bound && !ranges.constant[i]);
  return listed !== -1 && listed === earlierList ? listed : bound;
}

function mustMerge(index: IndexDefinition, ranges: IndexRanges, sort: readonly IndexField[], bound: number): boolean {
  if (ranges.lists === 0) return false;
  const first = sort.find(
    (wanted) => !index.fields.some((own, i) => ranges.constant[i] && own.path.text === wanted.path.text),
  );
  return first === undefined || firstSortField(index, ranges, first) === bound;
}
