/** Writing computed values to dotted paths, through arrays, as $project and $addFields do. */
import { fieldOf, isDocument, setField, type TypedDocument } from '../bson/typed-values.ts';

/** Sets a path; every document of an array on the way gets the value, and scalars on the way become documents. */
export function setComputed(document: TypedDocument, parts: readonly string[], compute: () => unknown): void {
  const [part, ...rest] = parts;
  if (rest.length === 0) {
    const value = compute();
    if (value === undefined) delete document[part!];
    else setField(document, part!, value);
    return;
  }
  setField(document, part!, inside(fieldOf(document, part!), rest, compute));
}

function inside(value: unknown, parts: readonly string[], compute: () => unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => inside(element, parts, compute));
  const document: TypedDocument = isDocument(value) ? { ...value } : {};
  setComputed(document, parts, compute);
  return document;
}
