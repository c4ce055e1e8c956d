/**
 * A conformance case is data: documents in, a command, what a MongoDB server answers. `C` stands for the case's own
 * collection, `D` for a second one.
 */
import { type Document, ObjectId } from 'bson';

export interface ConformanceCase {
  readonly name: string;
  /** Documents of `C` before the command. */
  readonly documents?: readonly Document[];
  /** Documents of `D`. */
  readonly second?: readonly Document[];
  /** Commands that must succeed first. */
  readonly before?: readonly Document[];
  readonly command: Document;
  /** Fields that the reply must have; fields not named are not compared. */
  readonly reply?: Document;
  /** The documents of the reply's cursor, in order. */
  readonly result?: readonly Document[];
  /** The code of the error that the command fails with. */
  readonly error?: number;
  /** The code of the first write error in the reply. */
  readonly writeError?: number;
  /** Documents of `C` afterwards, by `_id`. */
  readonly after?: readonly Document[];
}

/** `[name, filter, the ids that match]` on the same documents. */
export function filterCases(
  group: string,
  documents: readonly Document[],
  rows: readonly (readonly [string, Document, readonly unknown[]])[],
): ConformanceCase[] {
  return rows.map(([name, filter, ids]) => ({
    name: `${group}: ${name}`,
    documents,
    command: { find: 'C', filter, projection: { _id: 1 }, sort: { _id: 1 } },
    result: ids.map((_id) => ({ _id })),
  }));
}

/** `[name, document before, update, document after]` for one document with `_id` 1. */
export function updateCases(
  group: string,
  rows: readonly (readonly [string, Document, Document | Document[], Document, Document?])[],
): ConformanceCase[] {
  return rows.map(([name, before, u, after, options]) => ({
    name: `${group}: ${name}`,
    documents: [{ _id: 1, ...before }],
    command: {
      update: 'C',
      updates: [
        { q: options?.q ?? { _id: 1 }, u, ...(options?.arrayFilters ? { arrayFilters: options.arrayFilters } : {}) },
      ],
    },
    reply: { ok: 1 },
    after: [{ _id: 1, ...after }],
  }));
}

/** `[name, update, code of the write error]` on `{ _id: 1, a: 1, s: 'text', list: [1, 2] }`. */
export function updateErrorCases(
  rows: readonly (readonly [string, Document | Document[], number, Document?])[],
): ConformanceCase[] {
  const documents = [{ _id: 1, a: 1, s: 'text', list: [1, 2], o: { p: 1 } }];
  return rows.map(([name, u, writeError, extra]) => ({
    name: `update error: ${name}`,
    documents,
    command: { update: 'C', updates: [{ q: { _id: 1 }, u, ...extra }] },
    writeError,
    after: documents,
  }));
}

/** `[name, pipeline, result]` on the same documents. */
export function pipelineCases(
  group: string,
  documents: readonly Document[],
  rows: readonly (readonly [string, Document[], readonly Document[]])[],
  second?: readonly Document[],
): ConformanceCase[] {
  return rows.map(([name, pipeline, result]) => ({
    name: `${group}: ${name}`,
    documents,
    ...(second ? { second } : {}),
    command: { aggregate: 'C', pipeline, cursor: {} },
    result,
  }));
}

/** `[name, expression, value]`, evaluated by $project on `{ _id: 1, ... }`. */
export function expressionCases(
  group: string,
  document: Document,
  rows: readonly (readonly [string, unknown, unknown])[],
): ConformanceCase[] {
  return rows.map(([name, expression, value]) => ({
    name: `${group}: ${name}`,
    documents: [{ _id: 1, ...document }],
    command: { aggregate: 'C', pipeline: [{ $project: { _id: 0, v: expression } }], cursor: {} },
    result: [value === undefined ? {} : { v: value }],
  }));
}

/** `[name, command, code]`: commands that fail. */
export function errorCases(
  group: string,
  documents: readonly Document[],
  rows: readonly (readonly [string, Document, number])[],
): ConformanceCase[] {
  return rows.map(([name, command, error]) => ({ name: `${group}: ${name}`, documents, command, error }));
}

/** An ObjectId that ends with a number. */
export function objectId(n: number): ObjectId {
  return new ObjectId(n.toString(16).padStart(24, '0'));
}
