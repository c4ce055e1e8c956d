/** `$expr` in a filter: an aggregation expression as a test on raw documents. */
import type { Document } from 'bson';
import type { Collation } from '../bson/collation.ts';
import { decodeTypedAt, isTruthy } from '../bson/typed-values.ts';
import type { RawMatcher } from '../store/index-definition.ts';
import { baseVariables, compileExpression, scopeOf } from './expression.ts';

export interface ExpressionOptions {
  readonly collation: Collation | undefined;
  readonly variables: Document | undefined;
  readonly now: Date;
}

/** Compiles the operand of `$expr`. */
export function compileExpressionTest(expression: unknown, options: ExpressionOptions): RawMatcher {
  const compiled = compileExpression(expression);
  const variables = baseVariables(options.now, options.variables && literals(options.variables));
  return (bytes, start) => isTruthy(compiled(scopeOf(decodeTypedAt(bytes, start), variables)));
}

/** Values that are already evaluated must not be read as expressions again. */
export function literals(variables: Document): Document {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' || typeof value === 'object' ? { $literal: value } : value,
    ]),
  );
}
