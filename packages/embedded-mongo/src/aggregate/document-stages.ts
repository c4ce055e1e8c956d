/** Stages that turn one document into one: $project, $addFields, $set, $unset, $replaceRoot, $replaceWith. */
import { decodeTypedAt, encodeTyped, isDocument, type TypedDocument, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';
import { setComputed } from '../query/computed-paths.ts';
import { parseProjection } from '../query/projection-spec.ts';
import { excludeFields, includeFields } from '../query/raw-projection.ts';
import { compileExpression, scopeOf } from './expression.ts';
import type { Expression } from './scope.ts';

export type DocumentStage = (document: TypedDocument) => TypedDocument;

/** Compiles a stage of this kind; undefined for any other. */
export function documentStage(
  name: string,
  spec: unknown,
  variables: Record<string, unknown>,
): DocumentStage | undefined {
  switch (name) {
    case '$project':
      return projectStage(spec, variables);
    case '$addFields':
    case '$set':
      return addFieldsStage(name, spec, variables);
    case '$unset':
      return unsetStage(spec);
    case '$replaceRoot':
      if (!isDocument(spec) || !('newRoot' in spec))
        return fail(40231, 'no newRoot specified for the $replaceRoot stage');
      return replaceStage(spec.newRoot, variables);
    case '$replaceWith':
      return replaceStage(spec, variables);
    default:
      return undefined;
  }
}

function projectStage(spec: unknown, variables: Record<string, unknown>): DocumentStage {
  if (!isDocument(spec)) return fail(15969, '$project specification must be an object');
  if (Object.keys(spec).length === 0)
    fail(51272, 'Invalid $project :: caused by :: projection specification must have at least one field');
  const { mode, tree, computed } = parseProjection(spec, false);
  const fields = computed.map(({ path, operand }) => ({ parts: path.split('.'), value: compileExpression(operand) }));
  return (document) => {
    const bytes = encodeTyped(document);
    const result = decodeTypedAt(mode === 'include' ? includeFields(bytes, tree) : excludeFields(bytes, tree), 0);
    const scope = scopeOf(document, variables);
    for (const { parts, value } of fields) setComputed(result, parts, () => value(scope));
    return result;
  };
}

/** `{ a: { b: 1 } }` sets `a.b`; a document with an operator is an expression. */
function* assignments(spec: TypedDocument, prefix: string): Iterable<[string, Expression]> {
  for (const [name, value] of Object.entries(spec)) {
    if (name.startsWith('$'))
      fail(16410, `FieldPath field names may not start with '$'. Consider using $getField or $setField.`);
    const isNested =
      isDocument(value) && Object.keys(value).length > 0 && !Object.keys(value).some((key) => key.startsWith('$'));
    if (isNested) yield* assignments(value, `${prefix}${name}.`);
    else yield [prefix + name, compileExpression(value)];
  }
}

function addFieldsStage(name: string, spec: unknown, variables: Record<string, unknown>): DocumentStage {
  if (!isDocument(spec)) return fail(40272, `${name} specification stage must be an object, got ${typeNameOf(spec)}`);
  const fields = [...assignments(spec, '')].map(([path, value]) => ({ parts: path.split('.'), value }));
  return (document) => {
    const scope = scopeOf(document, variables);
    const result = { ...document };
    for (const { parts, value } of fields) {
      const computed = value(scope);
      if (computed !== undefined || parts.length === 1) setComputed(result, parts, () => computed);
    }
    return result;
  };
}

function unsetStage(spec: unknown): DocumentStage {
  const paths = Array.isArray(spec) ? spec : [spec];
  if (paths.length === 0 || paths.some((path) => typeof path !== 'string')) {
    fail(31002, '$unset specification must be a string or an array of strings');
  }
  const { tree } = parseProjection(Object.fromEntries(paths.map((path) => [path, false])), false);
  return (document) => decodeTypedAt(excludeFields(encodeTyped(document), tree), 0);
}

function replaceStage(spec: unknown, variables: Record<string, unknown>): DocumentStage {
  const expression = compileExpression(spec);
  return (document) => {
    const value = expression(scopeOf(document, variables));
    if (isDocument(value)) return value;
    return fail(
      40228,
      `'newRoot' expression must evaluate to an object, but resulting value was: ${value === undefined ? 'MISSING' : showValue(value)}. Type of resulting value: '${typeNameOf(value)}'.`,
    );
  };
}

/** Refuses a stage that is no document of one field. */
export function checkStage(stage: unknown): [string, unknown] {
  if (!isDocument(stage)) return fail(ErrorCode.TypeMismatch, "Each element of the 'pipeline' array must be an object");
  const entries = Object.entries(stage);
  if (entries.length !== 1) fail(40323, 'A pipeline stage specification object must contain exactly one field.');
  return entries[0]!;
}
