/** A query filter, parsed once: a tree that the planner reads, and a test on raw documents. */
import { BSONRegExp, type Document } from 'bson';
import type { Collation } from '../bson/collation.ts';
import { BsonType, type FieldPath, fieldPath } from '../bson/raw-document.ts';
import { bsonTypeOf, isDocument, isTruthy, numberOf } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { RawMatcher } from '../store/index-definition.ts';
import { testInOneWalk, type ValueTest } from './one-walk.ts';
import { anyElement, anyValue } from './path-values.ts';
import {
  type Comparison,
  compareOperators,
  compares,
  compileRegex,
  equals,
  hasBits,
  hasRemainder,
  hasType,
  isIn,
  matchesRegex,
  type ValuePredicate,
} from './value-predicates.ts';

/** What the planner can make use of; `other` is only tested. */
export type LeafOperator = 'eq' | Comparison | 'in' | 'exists' | 'regex' | 'type' | 'other';

export interface Leaf {
  readonly kind: 'leaf';
  readonly path: FieldPath;
  readonly operator: LeafOperator;
  readonly operand: unknown;
  readonly negated: boolean;
  readonly test: RawMatcher;
  /** What is asked of a value: for a test of several fields in one walk. */
  readonly value: ValueTest;
}

export interface Branches {
  readonly kind: 'and' | 'or' | 'nor';
  readonly branches: readonly FilterNode[];
}

/** A test that no index can help with: $expr. */
export interface Opaque {
  readonly kind: 'opaque';
  readonly test: RawMatcher;
}

export type FilterNode = Leaf | Branches | Opaque;

/** What parsing needs from outside: $expr is evaluated by the aggregation engine. */
export interface FilterContext {
  readonly collation?: Collation | undefined;
  compileExpression?(expression: unknown): RawMatcher;
}

/** Parses a filter document; throws MongoDB's errors about its form. */
export function parseFilter(filter: Document, context: FilterContext): FilterNode {
  const nodes: FilterNode[] = [];
  for (const [name, value] of Object.entries(filter)) {
    if (name.startsWith('$')) {
      const node = parseTopLevel(name, value, context);
      if (node) nodes.push(node);
    } else nodes.push(...parseField(fieldPath(name), value, context));
  }
  return nodes.length === 1 ? nodes[0]! : { kind: 'and', branches: nodes };
}

function parseTopLevel(name: string, value: unknown, context: FilterContext): FilterNode | undefined {
  switch (name) {
    case '$and':
    case '$or':
    case '$nor':
      return { kind: name.slice(1) as 'and' | 'or' | 'nor', branches: parseBranches(name, value, context) };
    case '$expr':
      if (!context.compileExpression) return fail(ErrorCode.BadValue, '$expr is not allowed in this context');
      return { kind: 'opaque', test: context.compileExpression(value) };
    case '$comment':
      return undefined;
    case '$alwaysTrue':
      return { kind: 'and', branches: [] };
    case '$alwaysFalse':
      return { kind: 'or', branches: [] };
    case '$where':
    case '$text':
    case '$jsonSchema':
      return fail(ErrorCode.CommandNotSupported, `${name} is not supported by this server`);
    default:
      return fail(
        ErrorCode.BadValue,
        `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`,
      );
  }
}

function parseBranches(name: string, value: unknown, context: FilterContext): FilterNode[] {
  if (!Array.isArray(value)) return fail(ErrorCode.BadValue, `${name} argument must be an array`);
  if (value.length === 0) return fail(ErrorCode.BadValue, `$and/$or/$nor must be a nonempty array`);
  return value.map((branch) => {
    if (!isDocument(branch)) return fail(ErrorCode.BadValue, `$or/$and/$nor entries need to be full objects`);
    return parseFilter(branch, context);
  });
}

/** True for `{ $gt: 1 }`, false for a document to be equal to. */
export function isOperatorDocument(value: unknown): value is Document {
  if (!isDocument(value)) return false;
  const first = Object.keys(value)[0];
  return first?.startsWith('$') === true && first !== '$ref' && first !== '$id' && first !== '$db';
}

function parseField(path: FieldPath, value: unknown, context: FilterContext): FilterNode[] {
  if (!isOperatorDocument(value)) {
    const isRegex = bsonTypeOf(value) === BsonType.regex;
    if (!isRegex && !context.collation) return [new PlainComparison(path, 'eq', value)];
    return [leaf(path, isRegex ? 'regex' : 'eq', value, equals(value, context.collation))];
  }
  const nodes: FilterNode[] = [];
  for (const [operator, operand] of Object.entries(value)) {
    if (!operator.startsWith('$')) fail(ErrorCode.BadValue, `unknown operator: ${operator}`);
    const node = parseOperator(path, operator, operand, value, context);
    if (node) nodes.push(node);
  }
  return nodes;
}

function leaf(
  path: FieldPath,
  operator: LeafOperator,
  operand: unknown,
  test: ValuePredicate,
  wholeOnly = false,
): Leaf {
  const matcher: RawMatcher = (bytes, start) => anyValue(bytes, start, path, test, wholeOnly);
  return { kind: 'leaf', path, operator, operand, negated: false, test: matcher, value: { test, wholeOnly } };
}

/**
 * A comparison in the plain order of values. What an index decides is never tested: the test is made when it is asked for, as making it was a quarter of
 * parsing hundreds of ranges.
 */
class PlainComparison implements Leaf {
  readonly kind = 'leaf';
  readonly negated = false;
  readonly path: FieldPath;
  readonly operator: 'eq' | Comparison;
  readonly operand: unknown;
  private made: ValueTest | undefined;

  /** @param operand no regular expression, which is an error where it is wrong */
  constructor(path: FieldPath, operator: 'eq' | Comparison, operand: unknown) {
    this.path = path;
    this.operator = operator;
    this.operand = operand;
  }

  get value(): ValueTest {
    const { operator, operand } = this;
    this.made ??= {
      test: operator === 'eq' ? equals(operand, undefined) : compares(operator, operand, undefined),
      wholeOnly: false,
    };
    return this.made;
  }

  get test(): RawMatcher {
    const { path, value } = this;
    return (bytes, start) => anyValue(bytes, start, path, value.test, false);
  }
}

function negate(nodes: readonly FilterNode[]): FilterNode {
  const [only] = nodes;
  if (nodes.length === 1 && only?.kind === 'leaf') {
    const { kind, path, operator, operand, negated, test, value } = only;
    return { kind, path, operator, operand, negated: !negated, test: (bytes, start) => !test(bytes, start), value };
  }
  return { kind: 'nor', branches: [{ kind: 'and', branches: nodes }] };
}

function parseOperator(
  path: FieldPath,
  operator: string,
  operand: unknown,
  siblings: Document,
  context: FilterContext,
): FilterNode | undefined {
  switch (operator) {
    case '$ne':
      if (bsonTypeOf(operand) === BsonType.regex) fail(ErrorCode.BadValue, "Can't have regex as arg to $ne.");
      return negate([leaf(path, 'eq', operand, equals(operand, context.collation))]);
    case '$nin':
      return negate([leaf(path, 'in', operand, listPredicate(operator, operand, context))]);
    case '$not':
      return negate(parseNot(path, operand, context));
    case '$all':
      return parseAll(path, operand, context);
    case '$exists': {
      const exists = leaf(path, 'exists', true, (_bytes, type) => type !== BsonType.missing, true);
      return isTruthy(operand) ? exists : negate([exists]);
    }
    case '$elemMatch':
      return leaf(path, 'other', operand, elemMatch(operand, context), true);
    case '$size':
      return leaf(path, 'other', operand, hasSize(operand), true);
    case '$comment':
      return undefined;
    default: {
      const comparison = context.collation ? undefined : comparisonOf(operator);
      if (comparison && bsonTypeOf(operand) !== BsonType.regex) return new PlainComparison(path, comparison, operand);
      const [kind, test] = scalarOperator(operator, operand, siblings, context) ?? [];
      return test && kind ? leaf(path, kind, operand, test) : undefined;
    }
  }
}

function comparisonOf(operator: string): 'eq' | Comparison | undefined {
  if (operator === '$eq') return 'eq';
  return operator in compareOperators ? compareOperators[operator] : undefined;
}

/** Operators that look at one value: used on paths, and on array elements by $elemMatch. */
function scalarOperator(
  operator: string,
  operand: unknown,
  siblings: Document,
  context: FilterContext,
): [LeafOperator, ValuePredicate] | undefined {
  if (operator in compareOperators) {
    const comparison = compareOperators[operator]!;
    return [comparison, compares(comparison, operand, context.collation)];
  }
  switch (operator) {
    case '$eq':
      return ['eq', bsonTypeOf(operand) === BsonType.regex ? sameRegex(operand) : equals(operand, context.collation)];
    case '$in':
      return ['in', listPredicate(operator, operand, context)];
    case '$regex':
      return ['regex', matchesRegex(regexOf(operand, siblings.$options), true)];
    case '$options':
      if (!('$regex' in siblings)) fail(ErrorCode.BadValue, '$options needs a $regex');
      return undefined;
    case '$type':
      return ['type', hasType(operand)];
    case '$mod':
      return ['other', hasRemainder(operand)];
    case '$bitsAllSet':
    case '$bitsAllClear':
    case '$bitsAnySet':
    case '$bitsAnyClear':
      return ['other', hasBits(operator, operand)];
    default:
      return fail(ErrorCode.BadValue, `unknown operator: ${operator}`);
  }
}

/** `{ $eq: /x/ }` is equality with the stored regular expression, not a match. */
function sameRegex(operand: unknown): ValuePredicate {
  const regex = operand as BSONRegExp;
  const test = matchesRegex(regex, true);
  return (bytes, type, at) => type === BsonType.regex && test(bytes, type, at);
}

function listPredicate(operator: string, operand: unknown, context: FilterContext): ValuePredicate {
  if (!Array.isArray(operand)) return fail(ErrorCode.BadValue, `${operator} needs an array`);
  for (const item of operand) {
    if (isOperatorDocument(item)) fail(ErrorCode.BadValue, `cannot nest $ under ${operator}`);
  }
  return isIn(operand, context.collation);
}

function regexOf(operand: unknown, options: unknown): BSONRegExp {
  if (operand instanceof BSONRegExp) {
    return typeof options === 'string' ? new BSONRegExp(operand.pattern, options) : operand;
  }
  if (typeof operand !== 'string') return fail(ErrorCode.BadValue, '$regex has to be a string');
  if (options !== undefined && typeof options !== 'string') fail(ErrorCode.BadValue, '$options has to be a string');
  compileRegex(operand, (options as string | undefined) ?? '');
  return new BSONRegExp(operand, (options as string | undefined) ?? '');
}

function parseNot(path: FieldPath, operand: unknown, context: FilterContext): FilterNode[] {
  if (bsonTypeOf(operand) === BsonType.regex) return parseField(path, operand, context);
  if (!isDocument(operand)) return fail(ErrorCode.BadValue, '$not needs a regex or a document');
  if (Object.keys(operand).length === 0) return fail(ErrorCode.BadValue, '$not cannot be empty');
  if (!isOperatorDocument(operand)) {
    return fail(ErrorCode.BadValue, `unknown operator: ${Object.keys(operand)[0]}`);
  }
  return parseField(path, operand, context);
}

function parseAll(path: FieldPath, operand: unknown, context: FilterContext): FilterNode {
  if (!Array.isArray(operand)) return fail(ErrorCode.BadValue, '$all needs an array');
  if (operand.length === 0) return { kind: 'or', branches: [] };
  const nodes = operand.map((item) => {
    if (isDocument(item) && '$elemMatch' in item) {
      return leaf(path, 'other', item, elemMatch(item.$elemMatch, context), true);
    }
    if (isOperatorDocument(item)) return fail(ErrorCode.BadValue, 'no $ expressions in $all');
    const isRegex = bsonTypeOf(item) === BsonType.regex;
    return leaf(path, isRegex ? 'regex' : 'eq', item, equals(item, context.collation));
  });
  return nodes.length === 1 ? nodes[0]! : { kind: 'and', branches: nodes };
}

function hasSize(operand: unknown): ValuePredicate {
  const size = numberOf(operand);
  if (size === undefined) return fail(ErrorCode.BadValue, `Failed to parse $size. Expected a number in: $size`);
  if (!Number.isInteger(size)) fail(ErrorCode.BadValue, `Failed to parse $size. Expected an integer: $size: ${size}`);
  if (size < 0) fail(ErrorCode.BadValue, `Failed to parse $size. Expected a non-negative number in: $size: ${size}`);
  return (bytes, type, at) => {
    if (type !== BsonType.array) return false;
    let count = 0;
    anyElement(bytes, at, () => ++count > size);
    return count === size;
  };
}

/** Operators (`{ $gt: 1 }`) apply to elements themselves; anything else is a filter on embedded documents. */
function elemMatch(operand: unknown, context: FilterContext): ValuePredicate {
  if (!isDocument(operand)) return fail(ErrorCode.BadValue, '$elemMatch needs an Object');
  const first = Object.keys(operand)[0] ?? '';
  const isValueMatch = first.startsWith('$') && !['$and', '$or', '$nor', '$where', '$expr'].includes(first);
  const test = isValueMatch ? elementTest(operand, context) : documentTest(operand, context);
  return (bytes, type, at) => type === BsonType.array && anyElement(bytes, at, test);
}

function documentTest(operand: Document, context: FilterContext): ValuePredicate {
  const matches = compileNode(parseFilter(operand, context));
  return (bytes, type, at) => (type === BsonType.object || type === BsonType.array) && matches(bytes, at);
}

function elementTest(operators: Document, context: FilterContext): ValuePredicate {
  const tests = Object.entries(operators).flatMap(([operator, operand]) => {
    const test = elementOperator(operator, operand, operators, context);
    return test ? [test] : [];
  });
  return (bytes, type, at) => tests.every((test) => test(bytes, type, at));
}

function elementOperator(
  operator: string,
  operand: unknown,
  siblings: Document,
  context: FilterContext,
): ValuePredicate | undefined {
  const not =
    (test: ValuePredicate): ValuePredicate =>
    (bytes, type, at) =>
      !test(bytes, type, at);
  if (operator === '$ne') return not(equals(operand, context.collation));
  if (operator === '$nin') return not(listPredicate(operator, operand, context));
  if (operator === '$not') {
    return not(isDocument(operand) ? elementTest(operand, context) : equals(operand, context.collation));
  }
  if (operator === '$exists') return (_bytes, type) => (type !== BsonType.missing) === isTruthy(operand);
  if (operator === '$elemMatch') return elemMatch(operand, context);
  if (operator === '$size') return hasSize(operand);
  return scalarOperator(operator, operand, siblings, context)?.[1];
}

/** The test of a parsed filter on raw documents. */
export function compileNode(node: FilterNode): RawMatcher {
  if (node.kind === 'leaf' || node.kind === 'opaque') return node.test;
  const tests = node.kind === 'and' ? testsOfAll(node.branches) : node.branches.map(compileNode);
  if (node.kind === 'and') {
    const [first, second] = tests;
    if (tests.length === 0) return () => true;
    if (tests.length === 1) return first!;
    if (tests.length === 2) return (bytes, start) => first!(bytes, start) && second!(bytes, start);
    return (bytes, start) => tests.every((test) => test(bytes, start));
  }
  const any: RawMatcher = (bytes, start) => tests.some((test) => test(bytes, start));
  return node.kind === 'or' ? any : (bytes, start) => !any(bytes, start);
}

const isOnField = (node: FilterNode): node is Leaf => node.kind === 'leaf' && node.path.parts.length === 1;

/** Conditions that must all hold: those on several fields of the document itself are tested together. */
function testsOfAll(nodes: readonly FilterNode[]): RawMatcher[] {
  const onFields = nodes.filter(isOnField);
  if (onFields.length < 2) return nodes.map(compileNode);
  return [testInOneWalk(onFields), ...nodes.filter((node) => !isOnField(node)).map(compileNode)];
}

/** Parses and compiles in one step. */
export function compileFilter(filter: Document, context: FilterContext = {}): RawMatcher {
  return compileNode(parseFilter(filter, context));
}
