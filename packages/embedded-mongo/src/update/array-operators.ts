/** Operators that change arrays: $push, $addToSet, $pull, $pullAll, $pop. */
import type { Document } from 'bson';
import { type Collation, collatedIdentity, compareCollated } from '../bson/collation.ts';
import { encodeTyped, fieldOf, isDocument, numberOf, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';
import { compileFilter, isOperatorDocument } from '../query/filter.ts';

function requireArray(value: unknown, operator: string, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  const message =
    operator === '$push' || operator === '$addToSet'
      ? `The field '${path}' must be an array but is of type ${typeNameOf(value)} in document`
      : operator === '$pop'
        ? `Path '${path}' contains an element of non-array type '${typeNameOf(value)}'`
        : `Cannot apply ${operator} to a non-array value`;
  return fail(operator === '$pop' ? ErrorCode.TypeMismatch : ErrorCode.BadValue, message);
}

/** `{ $each: [...] }` or a single value. */
function eachOf(operand: unknown, operator: string): { values: unknown[]; modifiers: Document } {
  if (!isDocument(operand) || !('$each' in operand)) return { values: [operand], modifiers: {} };
  const each = operand.$each;
  if (!Array.isArray(each)) {
    const code = operator === '$push' ? ErrorCode.BadValue : ErrorCode.TypeMismatch;
    return fail(code, `The argument to $each in ${operator} must be an array but it was of type: ${typeNameOf(each)}`);
  }
  for (const name of Object.keys(operand)) {
    const known = operator === '$push' ? ['$each', '$position', '$slice', '$sort'] : ['$each'];
    if (!known.includes(name)) fail(ErrorCode.BadValue, `Unrecognized clause in ${operator}: ${name}`);
  }
  return { values: each, modifiers: operand };
}

/** The array after `$push`. */
export function push(current: unknown, operand: unknown, path: string, collation: Collation | undefined): unknown[] {
  const array = current === undefined ? [] : [...requireArray(current, '$push', path)];
  const { values, modifiers } = eachOf(operand, '$push');
  const position = modifiers.$position === undefined ? array.length : integerOf(modifiers.$position, '$position');
  const at = position < 0 ? Math.max(0, array.length + position) : Math.min(position, array.length);
  array.splice(at, 0, ...values);
  if (modifiers.$sort !== undefined) sortArray(array, modifiers.$sort, collation);
  if (modifiers.$slice === undefined) return array;
  const slice = integerOf(modifiers.$slice, '$slice');
  return slice < 0 ? array.slice(slice) : array.slice(0, slice);
}

function integerOf(value: unknown, name: string): number {
  const number = numberOf(value);
  if (number !== undefined && Number.isInteger(number)) return number;
  return fail(
    ErrorCode.BadValue,
    `The value for ${name} must be an integer value but was given type: ${typeNameOf(value)}`,
  );
}

/** Sorts by the elements themselves (1, -1) or by fields of them. */
export function sortArray(array: unknown[], order: unknown, collation: Collation | undefined): void {
  const direction = numberOf(order);
  if (direction === 1 || direction === -1) {
    array.sort((a, b) => direction * compareCollated(a, b, collation));
    return;
  }
  if (!isDocument(order)) {
    fail(
      ErrorCode.BadValue,
      'The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields',
    );
  }
  const keys = Object.entries(order).map(([path, way]) => ({ parts: path.split('.'), way: numberOf(way) ?? 1 }));
  array.sort((a, b) => {
    for (const { parts, way } of keys) {
      const difference = compareCollated(dig(a, parts), dig(b, parts), collation);
      if (difference !== 0) return way * difference;
    }
    return 0;
  });
}

function dig(value: unknown, parts: string[]): unknown {
  let inner = value;
  for (const part of parts) inner = isDocument(inner) ? fieldOf(inner, part) : undefined;
  return inner ?? null;
}

/** The array after `$addToSet`. */
export function addToSet(
  current: unknown,
  operand: unknown,
  path: string,
  collation: Collation | undefined,
): unknown[] {
  const array = current === undefined ? [] : [...requireArray(current, '$addToSet', path)];
  const seen = new Set(array.map((element) => collatedIdentity(element, collation)));
  for (const value of eachOf(operand, '$addToSet').values) {
    const identity = collatedIdentity(value, collation);
    if (seen.has(identity)) continue;
    seen.add(identity);
    array.push(value);
  }
  return array;
}

/** Tells which elements `$pull` takes away: equal ones, or those that match a condition. */
export function pullCondition(operand: unknown, collation: Collation | undefined): (element: unknown) => boolean {
  const isRegex = operand instanceof RegExp || (operand as { _bsontype?: string } | null)?._bsontype === 'BSONRegExp';
  if (!isDocument(operand) && !isRegex) {
    const identity = collatedIdentity(operand, collation);
    return (element) => collatedIdentity(element, collation) === identity;
  }
  const condition = isRegex ? { $in: [operand] } : operand;
  const matches = compileFilter({ v: { $elemMatch: condition } }, { collation });
  if (isOperatorDocument(condition)) return (element) => matches(encodeTyped({ v: [element] }), 0);
  return (element) => isDocument(element) && matches(encodeTyped({ v: [element] }), 0);
}

/** The array without the elements that `takes` selects. */
export function pull(current: unknown, takes: (element: unknown) => boolean, operator: string): unknown[] {
  return requireArray(current, operator, '').filter((element) => !takes(element));
}

/** The condition of `$pullAll`. */
export function pullAllCondition(operand: unknown, collation: Collation | undefined): (element: unknown) => boolean {
  if (!Array.isArray(operand)) {
    return fail(ErrorCode.BadValue, `$pullAll requires an array argument but was given a ${typeNameOf(operand)}`);
  }
  const identities = new Set(operand.map((value) => collatedIdentity(value, collation)));
  return (element) => identities.has(collatedIdentity(element, collation));
}

/** The array after `$pop`. */
export function pop(current: unknown, operand: unknown, path: string): unknown[] {
  const end = numberOf(operand);
  if (end !== 1 && end !== -1) fail(ErrorCode.FailedToParse, `$pop expects 1 or -1, found: ${showValue(operand)}`);
  const array = requireArray(current, '$pop', path);
  return end === 1 ? array.slice(0, -1) : array.slice(1);
}
