/** The document that an upsert starts from: the equalities of its filter. */
import type { Document } from 'bson';
import { isDocument, type TypedDocument } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { isOperatorDocument } from '../query/filter.ts';
import { setAt, valueAt } from './update-paths.ts';

/** Collects `{ a: 1 }`, `{ a: { $eq: 1 } }` and the like, also inside $and. */
export function documentFromFilter(filter: Document, idOnly: boolean): TypedDocument {
  const document: TypedDocument = {};
  for (const [path, value] of equalities(filter)) {
    if (idOnly && path !== '_id') continue;
    const parts = path.split('.');
    const present = valueAt(document, parts);
    if (present !== undefined) fail(54, `cannot infer query fields to set, path '${path}' is matched twice`);
    if (parts.some((part) => part.startsWith('$'))) continue;
    setAt(document, parts, value);
  }
  const id = document._id;
  if (Array.isArray(id)) fail(53, `The '_id' value cannot be of type array`);
  return idFirst(document);
}

function idFirst(document: TypedDocument): TypedDocument {
  if (document._id === undefined) return document;
  const { _id, ...rest } = document;
  return { _id, ...rest };
}

function* equalities(filter: Document): Iterable<[string, unknown]> {
  for (const [name, value] of Object.entries(filter)) {
    if (name === '$and') for (const branch of value as Document[]) yield* equalities(branch);
    else if (name === '$or' && (value as Document[]).length === 1) yield* equalities((value as Document[])[0]!);
    else if (!name.startsWith('$')) yield* fieldEqualities(name, value);
  }
}

function* fieldEqualities(path: string, value: unknown): Iterable<[string, unknown]> {
  if (!isOperatorDocument(value)) {
    const type = (value as { _bsontype?: string } | null)?._bsontype;
    if (type !== 'BSONRegExp') yield [path, value];
    return;
  }
  for (const [operator, operand] of Object.entries(value as Document)) {
    if (operator === '$eq') yield [path, operand];
    if ((operator === '$in' || operator === '$all') && Array.isArray(operand) && operand.length === 1) {
      if (!isDocument(operand[0]) || !isOperatorDocument(operand[0])) yield [path, operand[0]];
    }
  }
}
