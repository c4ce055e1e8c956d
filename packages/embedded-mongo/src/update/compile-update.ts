/** Compiles an update document to a function on typed documents. */
import type { Document } from 'bson';
import type { Collation } from '../bson/collation.ts';
import { identityOf } from '../bson/index-key.ts';
import { isDocument, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';
import { addToSet, pop, pull, push } from './array-operators.ts';
import { compileArrayFilters, type Modifier, parseModifier, refuseConflicts } from './parse-modifiers.ts';
import { compileRawUpdate, type RawUpdate } from './raw-update.ts';
import { concretePaths, type PathContext, setAt, unsetAt, valueAt } from './update-paths.ts';
import { arithmetic, bitwise, currentDate, extreme } from './value-operators.ts';

/** What one application of an update needs to know. */
export interface UpdateTarget {
  readonly isInsert: boolean;
  readonly now: Date;
  /** Index of the array element that the query matched. */
  positional(arrayPath: string): number;
}

export interface CompiledUpdate {
  /** Changes the document in place, or returns another one. */
  apply(document: TypedDocument, target: UpdateTarget): TypedDocument;
  /** Top-level fields that may change; undefined means any. */
  readonly changes: ReadonlySet<string> | undefined;
  readonly isReplacement: boolean;
  readonly isPipeline: boolean;
  /** The same on the bytes of an existing document, where the update is of a form for which there is that. */
  readonly raw?: RawUpdate | undefined;
}

export interface UpdateOptions {
  readonly arrayFilters?: unknown;
  readonly collation?: Collation | undefined;
  /** Compiles an update pipeline. */
  compilePipeline(stages: Document[]): (document: TypedDocument) => TypedDocument;
}

/** Compiles operators, a replacement, or a pipeline. */
export function compileUpdate(update: unknown, options: UpdateOptions): CompiledUpdate {
  if (Array.isArray(update)) {
    const run = options.compilePipeline(update as Document[]);
    return {
      apply: (document) => keepId(document, run(document)),
      changes: undefined,
      isReplacement: false,
      isPipeline: true,
    };
  }
  if (!isDocument(update)) {
    return fail(ErrorCode.FailedToParse, 'Update argument must be either an object or an array');
  }
  const first = Object.keys(update)[0];
  if (first === undefined || !first.startsWith('$')) return compileReplacement(update, options);
  return compileModifiers(update, options);
}

function compileReplacement(update: Document, options: UpdateOptions): CompiledUpdate {
  if (options.arrayFilters !== undefined && (options.arrayFilters as unknown[]).length > 0) {
    fail(ErrorCode.FailedToParse, 'Cannot specify arrayFilters for replacement-style update');
  }
  for (const name of Object.keys(update)) {
    if (name.startsWith('$')) {
      fail(
        ErrorCode.DollarPrefixedFieldName,
        `The dollar ($) prefixed field '${name}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      );
    }
  }
  return {
    apply: (document) => keepId(document, { ...update }),
    changes: undefined,
    isReplacement: true,
    isPipeline: false,
  };
}

/** `_id` never changes, and stays first. */
function keepId(before: TypedDocument, after: TypedDocument): TypedDocument {
  if (before._id === undefined) return after;
  if (after._id !== undefined && identityOf(after._id) !== identityOf(before._id)) {
    fail(
      ErrorCode.ImmutableField,
      `After applying the update, the (immutable) field '_id' was found to have been altered to _id: ${showValue(after._id)}`,
    );
  }
  const { _id: _dropped, ...rest } = after;
  return { _id: before._id, ...rest };
}

function compileModifiers(update: Document, options: UpdateOptions): CompiledUpdate {
  const modifiers = Object.entries(update).flatMap(([operator, fields]) => parseModifier(operator, fields, options));
  refuseConflicts(modifiers);
  const arrayFilters = compileArrayFilters(options, modifiers);
  const changes = new Set(
    modifiers.flatMap(({ operator, parts, operand }) =>
      operator === '$rename' ? [parts[0]!, String(operand).split('.')[0]!] : [parts[0]!],
    ),
  );
  const ordered = [...modifiers].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    apply: (document, target) => {
      const id = document._id;
      const context: PathContext = { arrayFilters, positional: (path) => target.positional(path) };
      for (const modifier of ordered) applyModifier(document, modifier, context, target, options);
      if (changes.has('_id')) refuseChangedId(id, document, target);
      return document;
    },
    changes,
    isReplacement: false,
    isPipeline: false,
    raw: options.collation ? undefined : compileRawUpdate(ordered),
  };
}

function refuseChangedId(before: unknown, document: TypedDocument, target: UpdateTarget): void {
  if (target.isInsert && before === undefined) return;
  if (document._id !== undefined && identityOf(before) === identityOf(document._id)) return;
  fail(ErrorCode.ImmutableField, `Performing an update on the path '_id' would modify the immutable field '_id'`);
}

function applyModifier(
  document: TypedDocument,
  modifier: Modifier,
  context: PathContext,
  target: UpdateTarget,
  options: UpdateOptions,
): void {
  if (modifier.operator === '$setOnInsert' && !target.isInsert) return;
  for (const parts of concretePaths(document, modifier.parts, context)) {
    if (modifier.operator === '$unset') unsetAt(document, parts);
    else if (modifier.operator === '$rename') rename(document, parts, String(modifier.operand));
    else applyValue(document, parts, modifier, target, options);
  }
}

function rename(document: TypedDocument, from: readonly string[], to: string): void {
  const value = valueAt(document, from);
  if (value === undefined) return;
  for (const parts of [from, to.split('.')]) {
    for (let i = 1; i < parts.length; i++) {
      if (Array.isArray(valueAt(document, parts.slice(0, i)))) {
        fail(
          ErrorCode.BadValue,
          `The ${parts === from ? 'source' : 'destination'} field cannot be an array element, '${parts.join('.')}' in doc has an array field called '${parts[i - 1]}'`,
        );
      }
    }
  }
  unsetAt(document, from);
  setAt(document, to.split('.'), value);
}

function applyValue(
  document: TypedDocument,
  parts: readonly string[],
  modifier: Modifier,
  target: UpdateTarget,
  options: UpdateOptions,
): void {
  const current = valueAt(document, parts);
  const path = parts.join('.');
  const removesOnly = modifier.takes !== undefined || modifier.operator === '$pop';
  if (removesOnly && current === undefined) return;
  setAt(document, parts, computeValue(modifier, current, path, document, target, options));
}

function computeValue(
  { operator, operand, takes }: Modifier,
  current: unknown,
  path: string,
  document: TypedDocument,
  target: UpdateTarget,
  { collation }: UpdateOptions,
): unknown {
  switch (operator) {
    case '$inc':
    case '$mul':
      return arithmetic(operator, current, operand, path, document._id);
    case '$min':
    case '$max':
      return extreme(operator, current, operand, collation);
    case '$currentDate':
      return currentDate(operand, target.now);
    case '$bit':
      return bitwise(current, operand);
    case '$push':
      return push(current, operand, path, collation);
    case '$addToSet':
      return addToSet(current, operand, path, collation);
    case '$pop':
      return pop(current, operand, path);
    case '$pull':
    case '$pullAll':
      return pull(current, takes!, operator);
    default:
      return operand; // $set and $setOnInsert
  }
}
