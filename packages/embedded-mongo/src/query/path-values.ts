/** Which values a dotted path reaches: embedded documents are entered, and so is each element of an array on the way. */
import {
  afterCString,
  afterValue,
  BsonType,
  type FieldPath,
  findField,
  isArrayIndex,
  type RawValue,
} from '../bson/raw-document.ts';
import type { ValuePredicate } from './value-predicates.ts';

/**
 * True when some value that the path reaches passes the test. An array at the end is tested element by element and as
 * a whole; with `wholeOnly` only as a whole.
 */
export function anyValue(
  bytes: Buffer,
  start: number,
  path: FieldPath,
  test: ValuePredicate,
  wholeOnly: boolean,
): boolean {
  return fromDocument(bytes, start, path.parts, 0, test, wholeOnly);
}

function fromDocument(
  bytes: Buffer,
  start: number,
  parts: readonly Buffer[],
  part: number,
  test: ValuePredicate,
  wholeOnly: boolean,
): boolean {
  const found: RawValue = { type: 0, at: 0 };
  findField(bytes, start, parts[part]!, found);
  return fromValue(bytes, found.type, found.at, parts, part + 1, test, wholeOnly);
}

function fromValue(
  bytes: Buffer,
  type: number,
  at: number,
  parts: readonly Buffer[],
  part: number,
  test: ValuePredicate,
  wholeOnly: boolean,
): boolean {
  if (part === parts.length) {
    if (type === BsonType.array && !wholeOnly && anyElement(bytes, at, test)) return true;
    return test(bytes, type, at);
  }
  if (type === BsonType.object) return fromDocument(bytes, at, parts, part, test, wholeOnly);
  if (type === BsonType.array) return fromArray(bytes, at, parts, part, test, wholeOnly);
  return test(bytes, BsonType.missing, at);
}

function fromArray(
  bytes: Buffer,
  array: number,
  parts: readonly Buffer[],
  part: number,
  test: ValuePredicate,
  wholeOnly: boolean,
): boolean {
  let at = array + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    if (type === BsonType.object && fromDocument(bytes, valueAt, parts, part, test, wholeOnly)) return true;
    at = afterValue(bytes, type, valueAt);
  }
  if (!isArrayIndex(parts[part]!)) return false;
  const found: RawValue = { type: 0, at: 0 };
  if (!findField(bytes, array, parts[part]!, found)) return false;
  return fromValue(bytes, found.type, found.at, parts, part + 1, test, wholeOnly);
}

/** True when some element of the array passes. */
export function anyElement(bytes: Buffer, array: number, test: ValuePredicate): boolean {
  let at = array + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    if (test(bytes, type, valueAt)) return true;
    at = afterValue(bytes, type, valueAt);
  }
  return false;
}
