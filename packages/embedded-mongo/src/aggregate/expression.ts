/**
 * Compiles aggregation expressions on typed documents. Operators where BSON types matter are our own; the long tail
 * (dates, strings, trigonometry) is mingo's, through plain-operators.
 */
import type { Document } from 'bson';
import { fieldOf, isDocument, setField, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { arithmeticOperators } from './arithmetic-operators.ts';
import { arrayOperators } from './array-expressions.ts';
import { conditionOperators } from './condition-operators.ts';
import { conversionOperators } from './conversion-operators.ts';
import { objectOperators } from './object-operators.ts';
import { compilePlainOperator, hasPlainOperator } from './plain-operators.ts';
import type { Expression, OperatorCompiler, OperatorTable, Scope } from './scope.ts';

/** Stands for "leave this field out", as $$REMOVE does. */
const literal: OperatorCompiler = (operand) => () => operand;

const OPERATORS: OperatorTable = {
  ...arithmeticOperators,
  ...conditionOperators,
  ...arrayOperators,
  ...objectOperators,
  ...conversionOperators,
  $literal: literal,
};

/** Compiles an expression; throws MongoDB's errors about its form. */
export function compileExpression(expression: unknown): Expression {
  if (typeof expression === 'string' && expression.startsWith('$')) return compilePath(expression);
  if (Array.isArray(expression)) {
    const items = expression.map(compileExpression);
    return (scope) => items.map((item) => item(scope) ?? null);
  }
  if (isDocument(expression)) return compileDocument(expression);
  return () => expression;
}

function compileDocument(expression: Document): Expression {
  const entries = Object.entries(expression);
  const operator = entries.find(([name]) => name.startsWith('$'));
  if (!operator) return compileObject(entries);
  if (entries.length > 1) {
    fail(
      15983,
      `an object representing an expression must have exactly one field: ${JSON.stringify(Object.keys(expression))}`,
    );
  }
  const [name, operand] = operator;
  const own = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (own) return own(operand, compileExpression);
  if (hasPlainOperator(name)) return compilePlainOperator(name, operand, compileExpression);
  return fail(168, `Unrecognized expression '${name}'`); // 168 is InvalidPipelineOperator
}

function compileObject(entries: [string, unknown][]): Expression {
  const fields = entries.map(([name, value]) => {
    if (name.includes('.'))
      fail(16412, `FieldPath field names may not contain '.'. Consider using $getField or $setField.`);
    return [name, compileExpression(value)] as const;
  });
  return (scope) => {
    const result: TypedDocument = {};
    for (const [name, field] of fields) {
      const value = field(scope);
      if (value !== undefined) setField(result, name, value);
    }
    return result;
  };
}

function compilePath(text: string): Expression {
  if (text.startsWith('$$')) return compileVariable(text.slice(2));
  const parts = checkPath(text.slice(1));
  return (scope) => valueAtPath(scope.root, parts);
}

function checkPath(path: string): string[] {
  if (path === '') fail(16872, "'$' by itself is not a valid FieldPath");
  const parts = path.split('.');
  for (const part of parts) {
    if (part === '') fail(15998, 'FieldPath field names may not be empty strings.');
    if (part.startsWith('$'))
      fail(16410, `FieldPath field names may not start with '$'. Consider using $getField or $setField.`);
  }
  return parts;
}

function compileVariable(path: string): Expression {
  const [name = '', ...parts] = path.split('.');
  if (name === 'ROOT' || name === 'CURRENT')
    return (scope) => valueAtPath(scope.variables.CURRENT ?? scope.root, parts);
  if (name === 'REMOVE') return () => undefined;
  return (scope) => {
    if (!(name in scope.variables)) fail(17276, `Use of undefined variable: ${name}`);
    return valueAtPath(scope.variables[name], parts);
  };
}

/** The value at a path; through an array, the list of its elements' values. */
export function valueAtPath(value: unknown, parts: readonly string[], from = 0): unknown {
  let current = value;
  for (let i = from; i < parts.length; i++) {
    if (Array.isArray(current)) {
      return current.flatMap((element) => {
        if (!isDocument(element) && !Array.isArray(element)) return [];
        const inner = valueAtPath(element, parts, i);
        return inner === undefined ? [] : [inner];
      });
    }
    if (!isDocument(current)) return undefined;
    current = fieldOf(current, parts[i]!);
  }
  return current;
}

/** Variables that every expression sees. */
export function baseVariables(now: Date, variables: Document | undefined): Record<string, unknown> {
  const base: Record<string, unknown> = Object.create(null);
  base.NOW = now;
  for (const [name, value] of Object.entries(variables ?? {})) {
    const compiled = compileExpression(value);
    if (!/^[a-z\x80-\uffff][\w\x80-\uffff]*$/.test(name)) {
      fail(ErrorCode.FailedToParse, `'${name}' starts with an invalid character for a user variable name`);
    }
    base[name] = compiled({ root: {}, variables: base });
  }
  return base;
}

/** The scope of a document. */
export function scopeOf(root: TypedDocument, variables: Record<string, unknown>): Scope {
  return { root, variables };
}
