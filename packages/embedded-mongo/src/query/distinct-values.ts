/** The values that `distinct` sees in a document: arrays are unwound, also on the way. */
import { fieldOf, isDocument } from '../bson/typed-values.ts';

/** Values at a path; an array at the end gives its elements. */
export function distinctValues(value: unknown, parts: readonly string[]): unknown[] {
  const [part, ...rest] = parts;
  if (part === undefined) return Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (isDocument(value)) return distinctValues(fieldOf(value, part), rest);
  if (!Array.isArray(value)) return [];
  const byIndex = /^\d+$/.test(part) ? distinctValues(value[Number(part)], rest) : [];
  return [...byIndex, ...value.flatMap((element) => (isDocument(element) ? distinctValues(element, parts) : []))];
}
