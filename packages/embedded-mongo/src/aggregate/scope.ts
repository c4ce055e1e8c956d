/** What an expression is evaluated against. */
import type { TypedDocument } from '../bson/typed-values.ts';

/** Evaluation context: the current document and the variables (`NOW`, `ROOT`, and those of $let, $map, `let`). */
export interface Scope {
  readonly root: TypedDocument;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A compiled expression; undefined is MongoDB's "missing". */
export type Expression = (scope: Scope) => unknown;

/** Compiles one operator's operand. */
export type OperatorCompiler = (operand: unknown, compile: (expression: unknown) => Expression) => Expression;

/** Operators by name. */
export type OperatorTable = Readonly<Record<string, OperatorCompiler>>;

/** A scope with further variables. */
export function withVariables(scope: Scope, variables: Record<string, unknown>): Scope {
  return { root: scope.root, variables: Object.assign(Object.create(null), scope.variables, variables) };
}
