/** Accumulators of $group. */
import { Double, Int32 } from 'bson';
import { identityOf } from '../bson/index-key.ts';
import { addWidening, isNumber } from '../bson/number-arithmetic.ts';
import { isDocument, numberOf } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { averageOf, extremeOf } from './arithmetic-operators.ts';
import { compileExpression } from './expression.ts';
import { mergeObjects } from './object-operators.ts';
import { isNullish } from './operands.ts';
import type { Expression, Scope } from './scope.ts';

/** Gathers the values of one group. */
export interface Accumulator {
  add(scope: Scope): void;
  result(): unknown;
  /** Roughly how many bytes the values held take. */
  bytes: number;
}

/** Makes a fresh accumulator for each group. */
export type AccumulatorFactory = () => Accumulator;

const VALUE_BYTES = 64;

function reducing(
  value: Expression,
  initial: unknown,
  combine: (state: unknown, value: unknown) => unknown,
  finish = (state: unknown) => state,
): AccumulatorFactory {
  return () => {
    let state = initial;
    return {
      bytes: 0,
      add: (scope) => {
        state = combine(state, value(scope));
      },
      result: () => finish(state),
    };
  };
}

/** Keeps values in a list; `wants` may refuse one. */
function listing(
  value: Expression,
  finish: (values: unknown[]) => unknown,
  wants: (value: unknown, seen: unknown[]) => boolean,
): AccumulatorFactory {
  return () => {
    const values: unknown[] = [];
    const accumulator: Accumulator = {
      bytes: 0,
      add: (scope) => {
        const item = value(scope);
        if (!wants(item, values)) return;
        values.push(item);
        accumulator.bytes += sizeOf(item);
      },
      result: () => finish(values),
    };
    return accumulator;
  };
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return VALUE_BYTES + value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), VALUE_BYTES);
  if (isDocument(value)) return Object.values(value).reduce((sum: number, item) => sum + sizeOf(item), VALUE_BYTES);
  return VALUE_BYTES;
}

function addToSet(value: Expression): AccumulatorFactory {
  return () => {
    const seen = new Set<string>();
    return listing(
      value,
      (values) => values,
      (item) => {
        if (item === undefined) return false;
        const identity = identityOf(item);
        if (seen.has(identity)) return false;
        seen.add(identity);
        return true;
      },
    )();
  };
}

function standardDeviation(sample: boolean): (values: unknown[]) => unknown {
  return (values) => {
    const numbers = values.map((value) => numberOf(value)!);
    if (numbers.length < (sample ? 2 : 1)) return null;
    const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
    const squares = numbers.reduce((sum, n) => sum + (n - mean) ** 2, 0);
    return new Double(Math.sqrt(squares / (numbers.length - (sample ? 1 : 0))));
  };
}

/** `{ $firstN: { n, input } }` and its siblings. */
function listed(
  name: string,
  operand: unknown,
  choose: (values: unknown[], n: number) => unknown[],
): AccumulatorFactory {
  if (!isDocument(operand) || !('n' in operand) || !('input' in operand))
    return fail(5787801, `specification must be an object with 'n' and 'input'; found ${name}`);
  const n = numberOf(compileExpression(operand.n)({ root: {}, variables: {} }));
  if (n === undefined || n < 1) fail(5787908, `'n' must be greater than 0`);
  return listing(
    compileExpression(operand.input),
    (values) =>
      choose(
        values.map((value) => value ?? null),
        n!,
      ),
    () => true,
  );
}

function smallest(values: unknown[], n: number, direction: 1 | -1): unknown[] {
  const left: unknown[] = values.filter((value) => !isNullish(value));
  const chosen: unknown[] = [];
  while (chosen.length < n && left.length > 0) {
    const best = extremeOf(left, direction);
    chosen.push(left.splice(left.indexOf(best), 1)[0]);
  }
  return chosen;
}

/** Compiles `{ $sum: '$a' }`. */
export function compileAccumulator(name: string, operand: unknown): AccumulatorFactory {
  const value = () => compileExpression(operand);
  switch (name) {
    case '$sum':
      return reducing(value(), new Int32(0), (sum, item) => (isNumber(item) ? addWidening(sum, item) : sum));
    case '$count':
      if (!isDocument(operand) || Object.keys(operand).length > 0) fail(9, '$count takes no arguments, i.e. $count:{}');
      return reducing(() => new Int32(1), new Int32(0), addWidening);
    case '$avg':
      return listing(value(), averageOf, isNumber);
    case '$min':
      return reducing(value(), null, (best, item) => extremeOf([best, item], -1));
    case '$max':
      return reducing(value(), null, (best, item) => extremeOf([best, item], 1));
    case '$first':
      return listing(
        value(),
        (values) => values[0] ?? null,
        (_item, values) => values.length === 0,
      );
    case '$last':
      return reducing(value(), null, (_last, item) => item ?? null);
    case '$push':
      return listing(
        value(),
        (values) => values,
        (item) => item !== undefined,
      );
    case '$addToSet':
      return addToSet(value());
    case '$mergeObjects':
      return listing(
        value(),
        (values) => mergeObjects(values),
        () => true,
      );
    case '$stdDevPop':
      return listing(value(), standardDeviation(false), isNumber);
    case '$stdDevSamp':
      return listing(value(), standardDeviation(true), isNumber);
    case '$firstN':
      return listed(name, operand, (values, n) => values.slice(0, n));
    case '$lastN':
      return listed(name, operand, (values, n) => values.slice(-n));
    case '$minN':
      return listed(name, operand, (values, n) => smallest(values, n, -1));
    case '$maxN':
      return listed(name, operand, (values, n) => smallest(values, n, 1));
    default:
      return fail(15952, `unknown group operator '${name}'`);
  }
}
