/** Reading the operands of expression operators. */
import { isDocument } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import type { Expression, OperatorCompiler } from './scope.ts';

/** True for null and missing. */
export function isNullish(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** Operands as a list; a single one may stand without brackets. */
export function operandList(operand: unknown): unknown[] {
  return Array.isArray(operand) ? operand : [operand];
}

/** An operator of any number of evaluated operands. */
export function variadic(apply: (values: unknown[]) => unknown): OperatorCompiler {
  return (operand, compile) => {
    const items = operandList(operand).map(compile);
    return (scope) => apply(items.map((item) => item(scope)));
  };
}

/** An operator of between `least` and `most` evaluated operands. */
export function fixed(
  name: string,
  least: number,
  most: number,
  apply: (...values: unknown[]) => unknown,
): OperatorCompiler {
  return (operand, compile) => {
    const operands =
      most === 1 && least === 1 && !(Array.isArray(operand) && operand.length === 1) ? [operand] : operandList(operand);
    if (operands.length < least || operands.length > most) {
      const wanted = least === most ? `exactly ${least}` : `at least ${least} and at most ${most}`;
      fail(16020, `Expression ${name} takes ${wanted} arguments. ${operands.length} were passed in.`);
    }
    const items = operands.map(compile);
    return (scope) => apply(...items.map((item) => item(scope)));
  };
}

/** Named arguments of an operator, compiled; refuses unknown and missing ones. */
export function namedOperands<Name extends string>(
  operator: string,
  operand: unknown,
  compile: (expression: unknown) => Expression,
  required: readonly Name[],
  optional: readonly Name[] = [],
): Partial<Record<Name, Expression>> {
  if (!isDocument(operand)) return fail(28646, `${operator} only supports an object as its argument`);
  const result: Partial<Record<Name, Expression>> = {};
  for (const [name, value] of Object.entries(operand)) {
    if (![...required, ...optional].includes(name as Name))
      fail(28647, `Unrecognized parameter to ${operator}: ${name}`);
    result[name as Name] = compile(value);
  }
  for (const name of required) if (!(name in result)) fail(28648, `Missing '${name}' parameter to ${operator}`);
  return result;
}
