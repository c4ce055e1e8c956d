/** $unwind. */
import { Long } from 'bson';
import { isDocument, type TypedDocument, typeNameOf } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { setComputed } from '../query/computed-paths.ts';
import { valueAtPath } from './expression.ts';

/** Compiles the operand of $unwind to a function from one document to several. */
export function compileUnwind(operand: unknown): (document: TypedDocument) => TypedDocument[] {
  const spec = typeof operand === 'string' ? { path: operand } : operand;
  if (!isDocument(spec))
    return fail(
      15981,
      `expected either a string or an object as specification for $unwind stage, got ${typeNameOf(operand)}`,
    );
  const { path, includeArrayIndex, preserveNullAndEmptyArrays } = spec;
  if (typeof path !== 'string')
    return fail(28808, `expected a string as the path for $unwind stage, got ${typeNameOf(path)}`);
  if (!path.startsWith('$') || path.length < 2)
    fail(28818, `path option to $unwind stage should be prefixed with a '$': ${path}`);
  for (const name of Object.keys(spec)) {
    if (!['path', 'includeArrayIndex', 'preserveNullAndEmptyArrays'].includes(name))
      fail(28811, `unrecognized option to $unwind stage: ${name}`);
  }
  const parts = path.slice(1).split('.');
  const indexParts = typeof includeArrayIndex === 'string' ? includeArrayIndex.split('.') : undefined;
  const keep = preserveNullAndEmptyArrays === true;
  const withIndex = (document: TypedDocument, index: number | null): TypedDocument => {
    if (indexParts) setComputed(document, indexParts, () => (index === null ? null : Long.fromNumber(index)));
    return document;
  };
  return (document) => {
    const value = valueAtPath(document, parts);
    if (!Array.isArray(value)) {
      const empty = value === undefined || value === null;
      return empty && !keep ? [] : [withIndex({ ...document }, null)];
    }
    if (value.length === 0) return keep ? [withIndex(replaced(document, parts, undefined), null)] : [];
    return value.map((element, index) => withIndex(replaced(document, parts, element), index));
  };
}

function replaced(document: TypedDocument, parts: readonly string[], value: unknown): TypedDocument {
  const copy = { ...document };
  setComputed(copy, parts, () => value);
  return copy;
}
