/** $add, $subtract, $multiply, $divide, $mod, rounding, and sums over lists. */
import { Decimal128, Double, Int32, Long } from 'bson';
import { compareValues } from '../bson/index-key.ts';
import { addWidening, isNumber, multiplyWidening, negate } from '../bson/number-arithmetic.ts';
import { BsonType } from '../bson/raw-document.ts';
import { bsonTypeOf, numberOf, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { fixed, isNullish, operandList, variadic } from './operands.ts';
import type { OperatorCompiler, OperatorTable } from './scope.ts';

function requireNumber(operator: string, value: unknown): void {
  if (!isNumber(value)) {
    fail(ErrorCode.TypeMismatch, `${operator} only supports numeric types, not ${typeNameOf(value)}`);
  }
}

function add(values: unknown[]): unknown {
  let sum: unknown = new Int32(0);
  let date = false;
  for (const value of values) {
    if (isNullish(value)) return null;
    if (value instanceof Date) {
      if (date) fail(16612, 'only one date allowed in an $add expression');
      date = true;
      sum = addWidening(sum, Long.fromNumber(value.getTime()));
    } else {
      requireNumber('$add', value);
      sum = addWidening(sum, value);
    }
  }
  return date ? new Date(Math.round(numberOf(sum)!)) : sum;
}

function subtract(left: unknown, right: unknown): unknown {
  if (isNullish(left) || isNullish(right)) return null;
  if (left instanceof Date) {
    if (right instanceof Date) return Long.fromNumber(left.getTime() - right.getTime());
    return new Date(left.getTime() - numberOf(right)!);
  }
  if (!isNumber(left) || !isNumber(right)) {
    fail(ErrorCode.TypeMismatch, `can't $subtract ${typeNameOf(right)} from ${typeNameOf(left)}`);
  }
  return addWidening(left, negate(right));
}

function multiply(values: unknown[]): unknown {
  let product: unknown = new Int32(1);
  for (const value of values) {
    if (isNullish(value)) return null;
    requireNumber('$multiply', value);
    product = multiplyWidening(product, value);
  }
  return product;
}

function divide(left: unknown, right: unknown): unknown {
  if (isNullish(left) || isNullish(right)) return null;
  if (!isNumber(left) || !isNumber(right)) {
    fail(
      ErrorCode.TypeMismatch,
      `$divide only supports numeric types, not ${typeNameOf(left)} and ${typeNameOf(right)}`,
    );
  }
  if (numberOf(right) === 0) fail(ErrorCode.BadValue, "can't $divide by zero");
  const quotient = numberOf(left)! / numberOf(right)!;
  const decimal = left instanceof Decimal128 || right instanceof Decimal128;
  return decimal ? Decimal128.fromString(String(quotient)) : new Double(quotient);
}

function modulo(left: unknown, right: unknown): unknown {
  if (isNullish(left) || isNullish(right)) return null;
  if (!isNumber(left) || !isNumber(right)) {
    fail(16611, `$mod only supports numeric types, not ${typeNameOf(left)} and ${typeNameOf(right)}`);
  }
  if (numberOf(right) === 0) fail(16610, "can't $mod by zero");
  return sameKind(numberOf(left)! % numberOf(right)!, left, right);
}

/** A computed number in the wider type of its operands. */
function sameKind(value: number, ...operands: unknown[]): unknown {
  const types = operands.map(bsonTypeOf);
  if (types.includes(BsonType.decimal)) return Decimal128.fromString(String(value));
  if (types.includes(BsonType.double)) return new Double(value);
  if (types.includes(BsonType.long)) return Long.fromNumber(value);
  return value >= -0x80000000 && value <= 0x7fffffff ? new Int32(value) : Long.fromNumber(value);
}

function unary(name: string, apply: (value: number) => number): OperatorCompiler {
  return fixed(name, 1, 1, (value) => {
    if (isNullish(value)) return null;
    if (!isNumber(value)) fail(28765, `${name} only supports numeric types, not ${typeNameOf(value)}`);
    if (value instanceof Long && name !== '$abs') return value;
    return sameKind(apply(numberOf(value)!), value);
  });
}

function rounding(name: string, round: (value: number) => number): OperatorCompiler {
  return fixed(name, 1, 2, (value, digits) => {
    if (isNullish(value)) return null;
    if (!isNumber(value)) fail(51081, `${name} only supports numeric types, not ${typeNameOf(value)}`);
    const places = digits === undefined ? 0 : (numberOf(digits) ?? 0);
    if (value instanceof Long && places >= 0) return value;
    const shifted = Number(`${numberOf(value)}e${places}`);
    return sameKind(Number.isFinite(shifted) ? Number(`${round(shifted)}e${-places}`) : numberOf(value)!, value);
  });
}

/** Half to even, as MongoDB rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The sum of the numbers among values; others are ignored. */
export function sumOf(values: Iterable<unknown>): unknown {
  let sum: unknown = new Int32(0);
  for (const value of values) if (isNumber(value)) sum = addWidening(sum, value);
  return sum;
}

/** The mean of the numbers among values, or null. */
export function averageOf(values: readonly unknown[]): unknown {
  const numbers = values.filter(isNumber);
  if (numbers.length === 0) return null;
  const sum = sumOf(numbers);
  if (sum instanceof Decimal128) return Decimal128.fromString(String(numberOf(sum)! / numbers.length));
  return new Double(numberOf(sum)! / numbers.length);
}

/** The least (-1) or greatest (1) of the values that are not null. */
export function extremeOf(values: readonly unknown[], direction: 1 | -1): unknown {
  let best: unknown = null;
  for (const value of values) {
    if (isNullish(value)) continue;
    if (best === null || compareValues(value, best) * direction > 0) best = value;
  }
  return best;
}

/** As expressions, accumulators take a list: a single array operand is the list itself. */
function overList(apply: (values: unknown[]) => unknown): OperatorCompiler {
  return (operand, compile) => {
    const items = operandList(operand).map(compile);
    return (scope) => {
      const values = items.map((item) => item(scope));
      return apply(values.length === 1 && Array.isArray(values[0]) ? values[0] : values);
    };
  };
}

export const arithmeticOperators: OperatorTable = {
  $add: variadic(add),
  $subtract: fixed('$subtract', 2, 2, subtract),
  $multiply: variadic(multiply),
  $divide: fixed('$divide', 2, 2, divide),
  $mod: fixed('$mod', 2, 2, modulo),
  $abs: unary('$abs', Math.abs),
  $ceil: unary('$ceil', Math.ceil),
  $floor: unary('$floor', Math.floor),
  $round: rounding('$round', roundHalfEven),
  $trunc: rounding('$trunc', Math.trunc),
  $sum: overList(sumOf),
  $avg: overList(averageOf),
  $min: overList((values) => extremeOf(values, -1)),
  $max: overList((values) => extremeOf(values, 1)),
};
