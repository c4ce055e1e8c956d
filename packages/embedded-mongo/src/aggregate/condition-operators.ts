/** Comparison, logic and choice. */
import { Int32 } from 'bson';
import { compareValues } from '../bson/index-key.ts';
import { isDocument, isTruthy } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { fixed, isNullish, namedOperands, operandList } from './operands.ts';
import type { Expression, OperatorCompiler, OperatorTable } from './scope.ts';

/** Missing comes before null; otherwise MongoDB's order. */
function order(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return compareValues(a, b);
}

function comparison(name: string, accepts: (order: number) => boolean): OperatorCompiler {
  return fixed(name, 2, 2, (a, b) => accepts(order(a, b)));
}

const cond: OperatorCompiler = (operand, compile) => {
  let parts: Expression[];
  if (Array.isArray(operand)) {
    if (operand.length !== 3)
      fail(16020, `Expression $cond takes exactly 3 arguments. ${operand.length} were passed in.`);
    parts = operand.map(compile);
  } else {
    const named = namedOperands('$cond', operand, compile, ['if', 'then', 'else']);
    parts = [named.if!, named.then!, named.else!];
  }
  const [test, then, otherwise] = parts as [Expression, Expression, Expression];
  return (scope) => (isTruthy(test(scope)) ? then(scope) : otherwise(scope));
};

const ifNull: OperatorCompiler = (operand, compile) => {
  const items = operandList(operand).map(compile);
  if (items.length < 2) fail(1257300, `$ifNull needs at least two arguments, had: ${items.length}`);
  return (scope) => {
    let value: unknown;
    for (const item of items) {
      value = item(scope);
      if (!isNullish(value)) return value;
    }
    return value;
  };
};

const switchOperator: OperatorCompiler = (operand, compile) => {
  if (!isDocument(operand)) return fail(40060, '$switch requires an object as an argument');
  const list = operand.branches;
  if (!Array.isArray(list)) return fail(40061, "$switch expected an array for 'branches'");
  if (list.length === 0) fail(40068, '$switch requires at least one branch.');
  const branches = list.map((branch) => {
    const named = namedOperands('$switch', branch, compile, ['case', 'then']);
    return [named.case!, named.then!] as const;
  });
  const otherwise = 'default' in operand ? compile(operand.default) : undefined;
  return (scope) => {
    for (const [test, result] of branches) if (isTruthy(test(scope))) return result(scope);
    if (!otherwise)
      return fail(40066, '$switch could not find a matching branch for an input, and no default was specified.');
    return otherwise(scope);
  };
};

export const conditionOperators: OperatorTable = {
  $eq: comparison('$eq', (o) => o === 0),
  $ne: comparison('$ne', (o) => o !== 0),
  $gt: comparison('$gt', (o) => o > 0),
  $gte: comparison('$gte', (o) => o >= 0),
  $lt: comparison('$lt', (o) => o < 0),
  $lte: comparison('$lte', (o) => o <= 0),
  $cmp: fixed('$cmp', 2, 2, (a, b) => new Int32(Math.sign(order(a, b)))),
  $and: (operand, compile) => {
    const items = operandList(operand).map(compile);
    return (scope) => items.every((item) => isTruthy(item(scope)));
  },
  $or: (operand, compile) => {
    const items = operandList(operand).map(compile);
    return (scope) => items.some((item) => isTruthy(item(scope)));
  },
  $not: fixed('$not', 1, 1, (value) => !isTruthy(value)),
  $cond: cond,
  $ifNull: ifNull,
  $switch: switchOperator,
};
