/** Expressions on arrays and sets. */
import { Int32 } from 'bson';
import { identityOf } from '../bson/index-key.ts';
import { isDocument, isTruthy, numberOf, setField, typeNameOf } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { sortArray } from '../update/array-operators.ts';
import { fixed, isNullish, namedOperands, variadic } from './operands.ts';
import { type OperatorCompiler, type OperatorTable, withVariables } from './scope.ts';

function requireArray(code: number, message: string, value: unknown): unknown[] {
  return Array.isArray(value) ? value : fail(code, `${message} ${typeNameOf(value)}`);
}

function elementAt(array: unknown, index: unknown): unknown {
  if (isNullish(array) || isNullish(index)) return null;
  const list = requireArray(28689, "$arrayElemAt's first argument must be an array, but is", array);
  const at = numberOf(index);
  if (at === undefined)
    return fail(28690, `$arrayElemAt's second argument must be a numeric value, but is ${typeNameOf(index)}`);
  return list[at < 0 ? list.length + at : at];
}

function concatArrays(values: unknown[]): unknown {
  if (values.some(isNullish)) return null;
  return values.flatMap((value) => requireArray(28664, '$concatArrays only supports arrays, not', value));
}

const filter: OperatorCompiler = (operand, compile) => {
  const named = namedOperands('$filter', operand, compile, ['input', 'cond'], ['as', 'limit']);
  const name = nameOf(operand, 'as', 'this');
  return (scope) => {
    const input = named.input!(scope);
    if (isNullish(input)) return null;
    const array = requireArray(28651, 'input to $filter must be an array not', input);
    const limit = named.limit ? (numberOf(named.limit(scope)) ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    const kept: unknown[] = [];
    for (const item of array) {
      if (kept.length >= limit) break;
      if (isTruthy(named.cond!(withVariables(scope, { [name]: item })))) kept.push(item);
    }
    return kept;
  };
};

function nameOf(operand: unknown, field: string, otherwise: string): string {
  const name = isDocument(operand) ? operand[field] : undefined;
  return typeof name === 'string' ? name : otherwise;
}

const map: OperatorCompiler = (operand, compile) => {
  const named = namedOperands('$map', operand, compile, ['input', 'in'], ['as']);
  const name = nameOf(operand, 'as', 'this');
  return (scope) => {
    const input = named.input!(scope);
    if (isNullish(input)) return null;
    const array = requireArray(16883, 'input to $map must be an array not', input);
    return array.map((item) => named.in!(withVariables(scope, { [name]: item })) ?? null);
  };
};

const reduce: OperatorCompiler = (operand, compile) => {
  const named = namedOperands('$reduce', operand, compile, ['input', 'initialValue', 'in']);
  return (scope) => {
    const input = named.input!(scope);
    if (isNullish(input)) return null;
    const array = requireArray(40080, '$reduce requires that input be an array, found', input);
    return array.reduce(
      (value, item) => named.in!(withVariables(scope, { value, this: item })),
      named.initialValue!(scope),
    );
  };
};

function isIn(value: unknown, array: unknown): boolean {
  const wanted = identityOf(value);
  return requireArray(40081, '$in requires an array as a second argument, found', array).some(
    (item) => identityOf(item) === wanted,
  );
}

function indexOfArray(array: unknown, value: unknown, start: unknown, end: unknown): unknown {
  if (isNullish(array)) return null;
  const list = requireArray(40090, '$indexOfArray requires an array as a first argument, found', array);
  const wanted = identityOf(value);
  const last = Math.min(list.length, numberOf(end) ?? list.length);
  for (let i = numberOf(start) ?? 0; i < last; i++) if (identityOf(list[i]) === wanted) return new Int32(i);
  return new Int32(-1);
}

function slice(array: unknown, first: unknown, second: unknown): unknown {
  if (isNullish(array) || isNullish(first)) return null;
  const list = requireArray(28724, 'First argument to $slice must be an array, but is of type:', array);
  const n = numberOf(first) ?? 0;
  if (second === undefined) return n < 0 ? list.slice(n) : list.slice(0, n);
  const count = numberOf(second) ?? 0;
  if (count <= 0) fail(28729, `Third argument to $slice must be positive: ${count}`);
  const start = n < 0 ? Math.max(0, list.length + n) : n;
  return list.slice(start, start + count);
}

function range(start: unknown, end: unknown, step: unknown): unknown {
  const by = step === undefined ? 1 : numberOf(step)!;
  if (by === 0) fail(34449, '$range requires a non-zero step value');
  const result: unknown[] = [];
  const last = numberOf(end)!;
  for (let i = numberOf(start)!; by > 0 ? i < last : i > last; i += by) {
    if (result.length > 1_000_000) fail(146, '$range would use too much memory');
    result.push(new Int32(i));
  }
  return result;
}

function union(values: unknown[]): unknown {
  if (values.some(isNullish)) return null;
  const found = new Map<string, unknown>();
  for (const value of values) {
    for (const item of requireArray(
      17043,
      'All operands of $setUnion must be arrays. One argument is of type:',
      value,
    )) {
      if (!found.has(identityOf(item))) found.set(identityOf(item), item);
    }
  }
  return [...found.values()];
}

function intersection(values: unknown[]): unknown {
  if (values.some(isNullish)) return null;
  const sets = values.map((value) => new Map((value as unknown[]).map((item) => [identityOf(item), item])));
  const [first = new Map<string, unknown>(), ...rest] = sets;
  return [...first].filter(([identity]) => rest.every((set) => set.has(identity))).map(([, item]) => item);
}

function difference(left: unknown, right: unknown): unknown {
  if (isNullish(left) || isNullish(right)) return null;
  const without = new Set((right as unknown[]).map(identityOf));
  const kept = (left as unknown[]).filter((item) => !without.has(identityOf(item)));
  return union([kept]);
}

function isSubset(left: unknown, right: unknown): boolean {
  const all = new Set(
    requireArray(17042, 'both operands of $setIsSubset must be arrays. Second argument is of type:', right).map(
      identityOf,
    ),
  );
  return requireArray(17046, 'both operands of $setIsSubset must be arrays. First argument is of type:', left).every(
    (item) => all.has(identityOf(item)),
  );
}

function toObject(value: unknown): unknown {
  if (isNullish(value)) return null;
  const result = {};
  for (const pair of requireArray(40386, '$arrayToObject requires an array input, found:', value)) {
    const [name, inner] = Array.isArray(pair)
      ? pair
      : [(pair as Record<string, unknown>).k, (pair as Record<string, unknown>).v];
    if (typeof name !== 'string')
      fail(
        40395,
        `$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: ${typeNameOf(name)}`,
      );
    setField(result, name as string, inner);
  }
  return result;
}

const sortArrayOperator: OperatorCompiler = (operand, compile) => {
  if (!isDocument(operand)) return fail(2942500, '$sortArray requires an object as an argument');
  const input = compile(operand.input);
  const order = operand.sortBy;
  return (scope) => {
    const value = input(scope);
    if (isNullish(value)) return null;
    const sorted = [
      ...requireArray(2942504, 'The input argument to $sortArray must be an array, but was of type:', value),
    ];
    sortArray(sorted, order, undefined);
    return sorted;
  };
};

function zip(operand: unknown, compile: Parameters<OperatorCompiler>[1]): ReturnType<OperatorCompiler> {
  const { inputs, defaults, useLongestLength } = operand as Record<string, unknown>;
  const lists = (inputs as unknown[]).map(compile);
  const fill = defaults === undefined ? undefined : compile(defaults);
  return (scope) => {
    const arrays = lists.map((list) => list(scope));
    if (arrays.some(isNullish)) return null;
    const lengths = arrays.map(
      (array) => requireArray(34468, '$zip found a non-array expression in input:', array).length,
    );
    const length = isTruthy(useLongestLength) ? Math.max(...lengths) : Math.min(...lengths);
    const filling = fill?.(scope) as unknown[] | undefined;
    return Array.from({ length }, (_, i) => arrays.map((array, n) => (array as unknown[])[i] ?? filling?.[n] ?? null));
  };
}

export const arrayOperators: OperatorTable = {
  $arrayElemAt: fixed('$arrayElemAt', 2, 2, elementAt),
  $first: fixed('$first', 1, 1, (array) => elementAt(array, new Int32(0))),
  $last: fixed('$last', 1, 1, (array) => elementAt(array, new Int32(-1))),
  $concatArrays: variadic(concatArrays),
  $filter: filter,
  $map: map,
  $reduce: reduce,
  $in: fixed('$in', 2, 2, isIn),
  $indexOfArray: fixed('$indexOfArray', 2, 4, indexOfArray),
  $isArray: fixed('$isArray', 1, 1, Array.isArray),
  $size: fixed(
    '$size',
    1,
    1,
    (array) => new Int32(requireArray(17124, 'The argument to $size must be an array, but was of type:', array).length),
  ),
  $slice: fixed('$slice', 2, 3, slice),
  $range: fixed('$range', 2, 3, range),
  $reverseArray: fixed('$reverseArray', 1, 1, (array) =>
    isNullish(array)
      ? null
      : [...requireArray(34435, 'The argument to $reverseArray must be an array, but was of type:', array)].reverse(),
  ),
  $setUnion: variadic(union),
  $setIntersection: variadic(intersection),
  $setDifference: fixed('$setDifference', 2, 2, difference),
  $setEquals: variadic((values) => values.every((value) => isSubset(value, values[0]) && isSubset(values[0], value))),
  $setIsSubset: fixed('$setIsSubset', 2, 2, isSubset),
  $anyElementTrue: fixed('$anyElementTrue', 1, 1, (array) =>
    requireArray(17041, "$anyElementTrue's argument must be an array, but is", array).some(isTruthy),
  ),
  $allElementsTrue: fixed('$allElementsTrue', 1, 1, (array) =>
    requireArray(17040, "$allElementsTrue's argument must be an array, but is", array).every(isTruthy),
  ),
  $arrayToObject: fixed('$arrayToObject', 1, 1, toObject),
  $sortArray: sortArrayOperator,
  $zip: (operand, compile) => zip(operand, compile),
};
