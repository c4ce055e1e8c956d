/** The projection of a find: copied on raw bytes where it can be, computed on typed documents where it must. */
import type { Document } from 'bson';
import { baseVariables, compileExpression, scopeOf } from '../aggregate/expression.ts';
import { literals } from '../aggregate/expression-test.ts';
import type { Collation } from '../bson/collation.ts';
import { decodeTypedAt, encodeTyped, fieldOf, isDocument, numberOf, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { setComputed } from './computed-paths.ts';
import { compileFilter, type FilterContext } from './filter.ts';
import { positionOf } from './positional-match.ts';
import { type ComputedField, type ProjectionSpec, parseProjection } from './projection-spec.ts';
import { excludeFields, includeFields } from './raw-projection.ts';

export interface ProjectionOptions {
  readonly filter: Document;
  readonly context: FilterContext;
  readonly collation: Collation | undefined;
  readonly variables: Document | undefined;
  readonly now: Date;
}

/** Turns a stored document into the projected one; the result is valid until the next call. */
export type Projection = (document: Buffer) => Buffer;

type Step = (whole: Buffer, root: TypedDocument, result: TypedDocument) => void;

/** Compiles a projection; undefined when there is nothing to project. */
export function compileProjection(
  projection: Document | undefined,
  options: ProjectionOptions,
): Projection | undefined {
  if (!projection || Object.keys(projection).length === 0) return undefined;
  const spec = parseProjection(projection, true);
  const copy = (document: Buffer) =>
    spec.mode === 'include' ? includeFields(document, spec.tree) : excludeFields(document, spec.tree);
  if (spec.computed.length === 0) return copy;
  const steps = spec.computed.map((field) => compileStep(field, spec, options));
  return (document) => {
    const whole = Buffer.from(document.subarray(0, document.readInt32LE(0)));
    const root = decodeTypedAt(whole, 0);
    const result = decodeTypedAt(copy(whole), 0);
    for (const step of steps) step(whole, root, result);
    return encodeTyped(result);
  };
}

function compileStep(field: ComputedField, _spec: ProjectionSpec, options: ProjectionOptions): Step {
  const parts = field.path.split('.');
  switch (field.kind) {
    case 'expression': {
      const expression = compileExpression(field.operand);
      const variables = baseVariables(options.now, options.variables && literals(options.variables));
      return (_whole, root, result) => setComputed(result, parts, () => expression(scopeOf(root, variables)));
    }
    case '$slice':
      return sliceStep(parts, field.operand);
    case '$elemMatch':
      return elemMatchStep(field, options);
    default:
      return positionalStep(field.path, options);
  }
}

/** Replaces the arrays at a path (through arrays on the way) in place. */
function mapArrays(
  value: unknown,
  parts: readonly string[],
  change: (array: unknown[]) => unknown[] | undefined,
): void {
  if (Array.isArray(value)) {
    for (const element of value) mapArrays(element, parts, change);
    return;
  }
  if (!isDocument(value)) return;
  const [part, ...rest] = parts;
  const child = fieldOf(value, part!);
  if (rest.length > 0) {
    mapArrays(child, rest, change);
    return;
  }
  if (!Array.isArray(child)) return;
  const changed = change(child);
  if (changed) value[part!] = changed;
  else delete value[part!];
}

function sliceStep(parts: readonly string[], operand: unknown): Step {
  const numbers = (Array.isArray(operand) ? operand : [operand]).map(numberOf);
  if (numbers.includes(undefined) || numbers.length < 1 || numbers.length > 2) {
    fail(28667, 'Invalid $slice syntax. The given syntax did not match the find() syntax');
  }
  const [first, count] = numbers as [number, number | undefined];
  if (count !== undefined && count <= 0) fail(28724, 'First argument to $slice must be positive');
  const cut = (array: unknown[]): unknown[] => {
    if (count === undefined) return first < 0 ? array.slice(first) : array.slice(0, first);
    const start = first < 0 ? Math.max(0, array.length + first) : first;
    return array.slice(start, start + count);
  };
  return (_whole, _root, result) => mapArrays(result, parts, cut);
}

function elemMatchStep(field: ComputedField, options: ProjectionOptions): Step {
  if (field.path.includes('.'))
    fail(31275, `Cannot use $elemMatch projection on a nested field (currently unsupported in 4.4)`);
  const matches = compileFilter({ v: { $elemMatch: field.operand } }, options.context);
  const firstMatch = (array: unknown[]): unknown[] | undefined => {
    const found = array.find((element) => matches(encodeTyped({ v: [element] }), 0));
    return found === undefined ? undefined : [found];
  };
  return (_whole, _root, result) => {
    if (!Array.isArray(result[field.path])) delete result[field.path];
    mapArrays(result, [field.path], firstMatch);
  };
}

function positionalStep(path: string, options: ProjectionOptions): Step {
  return (whole, _root, result) => {
    const index = positionOf(whole, path, options.filter, options.context);
    if (index === undefined) {
      fail(
        51246,
        "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array",
      );
    }
    mapArrays(result, path.split('.'), (array) =>
      index! < array.length ? [array[index!]] : fail(ErrorCode.BadValue, 'position out of range'),
    );
  };
}
