/** Paths of an update: finding, creating and replacing values in a typed document. */
import { fieldOf, isDocument, setField, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';

/** Tells whether an array element is selected by `$[identifier]`. */
export type ElementFilters = ReadonlyMap<string, (element: unknown) => boolean>;

export interface PathContext {
  readonly arrayFilters: ElementFilters;
  /** Index of the array element that the query matched, for `$`. */
  positional(arrayPath: string): number;
}

function arrayIndex(part: string): number {
  return /^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1;
}

/** A child of a document or array; undefined when there is none. */
function childOf(container: unknown, part: string): unknown {
  if (Array.isArray(container)) {
    const index = arrayIndex(part);
    return index === -1 ? undefined : container[index];
  }
  return isDocument(container) ? fieldOf(container, part) : undefined;
}

/** The value at a path of plain names and indexes. */
export function valueAt(root: TypedDocument, parts: readonly string[]): unknown {
  let value: unknown = root;
  for (const part of parts) value = childOf(value, part);
  return value;
}

/** Replaces `$`, `$[]` and `$[name]` in a path by the indexes that they stand for in this document. */
export function concretePaths(root: TypedDocument, parts: readonly string[], context: PathContext): string[][] {
  let paths: string[][] = [[]];
  for (const part of parts) {
    if (part === '$') paths = paths.map((path) => [...path, String(context.positional(path.join('.')))]);
    else if (part.startsWith('$[')) paths = paths.flatMap((path) => selectElements(root, path, part, context));
    else for (const path of paths) path.push(part);
  }
  return paths;
}

function selectElements(root: TypedDocument, path: string[], part: string, context: PathContext): string[][] {
  const array = valueAt(root, path);
  const name = path.join('.');
  if (array === undefined) {
    return fail(ErrorCode.BadValue, `The path '${name}' must exist in the document in order to apply array updates.`);
  }
  if (!Array.isArray(array)) {
    return fail(
      ErrorCode.BadValue,
      `Cannot apply array updates to non-array element ${path.at(-1)}: ${showValue(array)}`,
    );
  }
  const identifier = part.slice(2, -1);
  const selects = identifier === '' ? () => true : context.arrayFilters.get(identifier)!;
  return array.flatMap((element, i) => (selects(element) ? [[...path, String(i)]] : []));
}

/** The most elements that setting an index past the end may add. */
const MAX_PADDING = 1_500_000;

/** Sets a value, creating the documents on the way; throws PathNotViable where a scalar is in the way. */
export function setAt(root: TypedDocument, parts: readonly string[], value: unknown): void {
  let container: unknown = root;
  for (let i = 0; i < parts.length - 1; i++) {
    let child = childOf(container, parts[i]!);
    if (child === undefined) {
      child = {};
      assign(container, parts[i]!, child, parts[i - 1]);
    }
    container = child;
  }
  assign(container, parts.at(-1)!, value, parts.at(-2));
}

function assign(container: unknown, part: string, value: unknown, owner: string | undefined): void {
  if (Array.isArray(container)) {
    const index = arrayIndex(part);
    if (index === -1) notViable(container, part, owner);
    if (index > container.length + MAX_PADDING)
      fail(ErrorCode.BadValue, `can't backfill array to larger than ${MAX_PADDING} elements`);
    while (container.length < index) container.push(null);
    container[index] = value;
  } else if (isDocument(container)) setField(container, part, value);
  else notViable(container, part, owner);
}

function notViable(container: unknown, part: string, owner: string | undefined): never {
  return fail(
    ErrorCode.PathNotViable,
    `Cannot create field '${part}' in element {${owner ?? ''}: ${showValue(container)}}`,
  );
}

/** Removes a field; an array element becomes null. */
export function unsetAt(root: TypedDocument, parts: readonly string[]): void {
  const container = valueAt(root, parts.slice(0, -1));
  const part = parts.at(-1)!;
  if (Array.isArray(container)) {
    const index = arrayIndex(part);
    if (index !== -1 && index < container.length) container[index] = null;
  } else if (isDocument(container)) delete container[part];
}
