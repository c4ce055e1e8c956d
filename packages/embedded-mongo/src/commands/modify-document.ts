/** Finding one document and changing it, inside a write job: shared by update, delete and findAndModify. */

import { ObjectId } from 'bson';
import { MAX_DOCUMENT_BYTES } from '../bson/check-document.ts';
import { decodeTyped, encodeTyped } from '../bson/typed-values.ts';
import type { Engine, QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { DocumentCursor } from '../query/document-cursor.ts';
import { positionOf } from '../query/positional-match.ts';
import type { Collection } from '../store/collection.ts';
import { withIdFirst } from '../store/collection.ts';
import type { CompiledUpdate } from '../update/compile-update.ts';
import { documentFromFilter } from '../update/upsert-document.ts';

/** A stored document: its record and a copy of its bytes. */
export interface Found {
  readonly record: number;
  readonly document: Buffer;
}

/** The next document of a cursor, copied. */
export function nextFound(cursor: DocumentCursor): Found | undefined {
  for (;;) {
    const document = cursor.step();
    if (document === undefined) return undefined;
    if (document)
      return { record: cursor.record, document: Buffer.from(document.subarray(0, document.readInt32LE(0))) };
  }
}

/** Applies an update to a stored document; returns the new bytes, or undefined when nothing changes. */
export function updateFound(
  engine: Engine,
  collection: Collection,
  found: Found,
  update: CompiledUpdate,
  spec: QuerySpec,
): Buffer | undefined {
  const raw = update.raw?.(found.document);
  if (raw?.equals(found.document)) return undefined;
  const after = raw ? checkSize(Buffer.from(raw)) : updateGenerally(engine, found, update, spec);
  if (after.equals(found.document)) return undefined;
  collection.replace(found.record, found.document, after, update.changes);
  return after;
}

function updateGenerally(engine: Engine, found: Found, update: CompiledUpdate, spec: QuerySpec): Buffer {
  const target = {
    isInsert: false,
    now: engine.now(),
    positional: (path: string) =>
      positionOf(found.document, path, spec.filter, engine.filterContext(spec.collation, spec.variables)) ??
      fail(ErrorCode.BadValue, 'The positional operator did not find the match needed from the query.'),
  };
  return checkSize(encodeTyped(update.apply(decodeTyped(found.document), target)));
}

/** Inserts the document that an upsert makes. */
export function insertUpsert(
  engine: Engine,
  collection: Collection,
  update: CompiledUpdate,
  spec: QuerySpec,
): { document: Buffer; id: unknown } {
  const base = documentFromFilter(spec.filter, update.isReplacement);
  const target = {
    isInsert: true,
    now: engine.now(),
    positional: () =>
      fail(ErrorCode.BadValue, 'The positional operator did not find the match needed from the query.') as number,
  };
  let made = update.apply(base, target);
  if (made._id === undefined) made = { _id: new ObjectId(), ...made };
  const document = withIdFirst(checkSize(encodeTyped(made)), () => engine.newObjectId());
  collection.insert(document);
  return { document, id: made._id };
}

function checkSize(bytes: Buffer): Buffer {
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    fail(17419, `Resulting document after update is larger than ${MAX_DOCUMENT_BYTES}`);
  }
  return bytes;
}
