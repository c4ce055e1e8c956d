/** Sort specifications, and the key of a document under one. */
import type { Document } from 'bson';
import { type Collation, compareCollated } from '../bson/collation.ts';
import { afterValue, BsonType, fieldPath, type RawValue } from '../bson/raw-document.ts';
import { decodeValueAt, isDocument, numberOf } from '../bson/typed-values.ts';
import { ErrorCode, fail, MongoError } from '../errors.ts';
import { eachIndexKey, type IndexField, type KeyVisitor, PARALLEL_ARRAYS } from '../store/index-keys.ts';

/** MongoDB's limit of an in-memory sort. */
export const SORT_LIMIT_BYTES = 100 * 1024 * 1024;

/** Parses `{ a: 1, b: -1 }`; undefined when empty. */
export function parseSort(sort: unknown): IndexField[] | undefined {
  if (sort === undefined || sort === null) return undefined;
  if (!isDocument(sort)) {
    return fail(ErrorCode.TypeMismatch, `BSON field 'sort' is the wrong type, expected type 'object'`);
  }
  const fields = Object.entries(sort).map(([path, direction]) => parseField(path, direction));
  if (fields.length > 32) fail(ErrorCode.BadValue, 'too many compound keys');
  return fields.length === 0 ? undefined : fields;
}

function parseField(path: string, direction: unknown): IndexField {
  if (isDocument(direction)) fail(ErrorCode.BadValue, `$meta sort by ${showMeta(direction)} is not supported`);
  const number = numberOf(direction);
  if (number === undefined) {
    return fail(ErrorCode.BadValue, `Illegal key in $sort specification: ${path}: ${String(direction)}`);
  }
  if (number !== 1 && number !== -1) {
    return fail(15975, '$sort key ordering must be 1 (for ascending) or -1 (for descending)');
  }
  if (path === '') fail(40352, 'FieldPath cannot be constructed with empty string');
  return { path: fieldPath(path), descending: number < 0 };
}

function showMeta(direction: Document): string {
  return String(direction.$meta);
}

function eachSortKey(bytes: Buffer, fields: readonly IndexField[], visit: KeyVisitor): void {
  try {
    eachIndexKey(bytes, 0, fields, visit, () => {});
  } catch (error) {
    if (!(error instanceof MongoError) || error.code !== PARALLEL_ARRAYS) throw error;
    fail(
      ErrorCode.BadValue,
      'Executor error during find command :: caused by :: cannot sort with keys that are parallel arrays',
    );
  }
}

/** Bytes by whose order documents sort: of an array the element that comes first counts. */
export function sortKeyOf(bytes: Buffer, fields: readonly IndexField[]): Buffer {
  let best: Buffer | undefined;
  eachSortKey(bytes, fields, (writer) => {
    if (!best || best.compare(writer.bytes, 0, writer.length) > 0) best = writer.copy();
  });
  return best!;
}

/** The values that a document sorts by under a collation. */
export function sortValuesOf(bytes: Buffer, fields: readonly IndexField[], collation: Collation): unknown[] {
  let best: unknown[] | undefined;
  const visit = (values: readonly RawValue[]) => {
    const decoded = values.map(({ type, at }) =>
      type === BsonType.missing || type === BsonType.undefined
        ? null
        : decodeValueAt(bytes, type, at, afterValue(bytes, type, at)),
    );
    if (!best || compareSortValues(decoded, best, fields, collation) < 0) best = decoded;
  };
  eachSortKey(bytes, fields, (_writer, values) => visit(values));
  return best!;
}

/** Orders two lists of sort values. */
export function compareSortValues(
  a: readonly unknown[],
  b: readonly unknown[],
  fields: readonly IndexField[],
  collation: Collation,
): number {
  for (let i = 0; i < fields.length; i++) {
    const order = compareCollated(a[i], b[i], collation);
    if (order !== 0) return fields[i]!.descending ? -order : order;
  }
  return 0;
}
