/** Expression operators that mingo evaluates: their operands go in as plain JavaScript values and come back typed. */
import { Decimal128, Double, Int32, Long, Timestamp } from 'bson';
import { Context } from 'mingo';
import { evalExpr } from 'mingo/core';
import * as expressions from 'mingo/operators/expression';
import { isDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Expression } from './scope.ts';

const context = Context.init({ expression: expressions as never });
const OPTIONS = { idKey: '_id', context, useStrictMode: true, scriptEnabled: false } as never;

/** Operators whose result is a double even when it is whole. */
const REAL =
  /^\$(sqrt|exp|ln|log|log10|a?sinh?|a?cosh?|a?tanh?|atan2|degreesToRadians|radiansToDegrees|avg|stdDev\w+)$/;
/** Operators that would run code or have no place here. */
const EXCLUDED = new Set(['$function', '$accumulator', '$toHashedIndexKey', '$getField', '$setField']);

/** True for an operator that mingo knows. */
export function hasPlainOperator(name: string): boolean {
  return name.startsWith('$') && name in expressions && !EXCLUDED.has(name);
}

/** Compiles an operator whose operands are evaluated first: a list, or a document of named arguments. */
export function compilePlainOperator(
  name: string,
  operand: unknown,
  compile: (expression: unknown) => Expression,
): Expression {
  if (isDocument(operand) && !Object.keys(operand).some((key) => key.startsWith('$'))) {
    const fields = Object.entries(operand).map(([key, value]) => [key, compile(value)] as const);
    return (scope) => evaluate(name, Object.fromEntries(fields.map(([key, field]) => [key, asLiteral(field(scope))])));
  }
  if (Array.isArray(operand)) {
    const items = operand.map(compile);
    return (scope) =>
      evaluate(
        name,
        items.map((item) => asLiteral(item(scope))),
      );
  }
  const single = compile(operand);
  return (scope) => evaluate(name, asLiteral(single(scope)));
}

function asLiteral(value: unknown): unknown {
  return { $literal: toPlain(value) ?? null };
}

function evaluate(name: string, operand: unknown): unknown {
  try {
    return toTyped(evalExpr({}, { [name]: operand }, OPTIONS), REAL.test(name));
  } catch (error) {
    return fail(ErrorCode.BadValue, `${name}: ${(error as Error).message}`);
  }
}

/** Typed numbers as JavaScript numbers. */
export function toPlain(value: unknown): unknown {
  if (value instanceof Int32 || value instanceof Double) return value.value;
  if (value instanceof Timestamp) return value;
  if (value instanceof Long) return value.toNumber();
  if (value instanceof Decimal128) return Number(value.toString());
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isDocument(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toPlain(inner)]));
}

/** JavaScript numbers as the narrowest BSON number. */
export function toTyped(value: unknown, real = false): unknown {
  if (typeof value === 'number') {
    if (real || !Number.isInteger(value) || Object.is(value, -0)) return new Double(value);
    if (value >= -0x80000000 && value <= 0x7fffffff) return new Int32(value);
    return Number.isSafeInteger(value) ? Long.fromNumber(value) : new Double(value);
  }
  if (typeof value === 'bigint') return Long.fromBigInt(value);
  if (Array.isArray(value)) return value.map((item) => toTyped(item, real));
  if (!isDocument(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toTyped(inner, real)]));
}
