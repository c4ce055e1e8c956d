/** find, getMore, killCursors, count, distinct. */
import { type Document, Double, Int32, Long } from 'bson';
import { collatedIdentity } from '../bson/collation.ts';
import { decodeTyped, isDocument, isTruthy, numberOf, typeNameOf } from '../bson/typed-values.ts';
import type { QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import { distinctValues } from '../query/distinct-values.ts';
import { compileProjection } from '../query/projection.ts';
import { parseSort } from '../query/sort-order.ts';
import {
  type Command,
  checkFields,
  collationArgument,
  collectionName,
  countArgument,
  cursorIdOf,
  documentArgument,
  flagArgument,
  isAbsent,
} from './command.ts';
import { cursorReply, firstBatchReply } from './cursor-reply.ts';
import { Batch, drain, fillBatch, Pace, type ResultStream } from './result-stream.ts';

const FIND_FIELDS = [
  'filter',
  'sort',
  'projection',
  'hint',
  'skip',
  'limit',
  'batchSize',
  'singleBatch',
  'max',
  'min',
  'returnKey',
  'showRecordId',
  'tailable',
  'oplogReplay',
  'noCursorTimeout',
  'awaitData',
  'allowPartialResults',
  'collation',
  'allowDiskUse',
  'let',
  'readOnce',
  'ntoreturn',
];

/** The query of a find, count or distinct command. */
export function querySpec(command: Command, filterField: string): QuerySpec {
  const { body } = command;
  return {
    filter: documentArgument(command, filterField) ?? {},
    sort: parseSort(body.sort),
    skip: countArgument(command, 'skip') ?? 0,
    hint: hintArgument(body),
    collation: collationArgument(body),
    variables: documentArgument(command, 'let'),
  };
}

/** A hint, or undefined for none. */
export function hintArgument(source: Document): unknown {
  const hint = source.hint;
  if (isAbsent(hint) || (isDocument(hint) && Object.keys(hint).length === 0)) return undefined;
  if (typeof hint === 'string' || isDocument(hint)) return hint;
  return fail(ErrorCode.FailedToParse, `hint must be a string or an object, not ${typeNameOf(hint)}`);
}

export function paceOf(command: Command): Pace {
  return new Pace(countArgument(command, 'maxTimeMS') ?? 0, () => command.engine.store.writer.commitOpen());
}

/** Documents of a find, projected. */
export function findStream(command: Command, spec: QuerySpec): ResultStream {
  const { engine, body } = command;
  const collection = engine.catalog.find(command.database, collectionName(command));
  const projection = compileProjection(documentArgument(command, 'projection'), {
    filter: spec.filter,
    context: engine.filterContext(spec.collation, spec.variables),
    collation: spec.collation,
    variables: spec.variables,
    now: engine.now(),
  });
  if (isTruthy(body.tailable)) {
    fail(ErrorCode.BadValue, 'error processing query: tailable cursor requested on non capped collection');
  }
  const cursor = engine.open(collection, spec);
  if (!projection) return cursor;
  return {
    step: () => {
      const document = cursor.step();
      return document ? projection(document) : document;
    },
    pause: () => cursor.pause(),
  };
}

/** The `find` command. */
export async function find(command: Command): Promise<Buffer> {
  checkFields(command, FIND_FIELDS);
  const namespace = `${command.database}.${collectionName(command)}`;
  const limit = countArgument(command, 'limit') ?? 0;
  const stream = findStream(command, { ...querySpec(command, 'filter'), limit });
  const batchSize = countArgument(command, 'batchSize');
  const single = flagArgument(command, 'singleBatch', false);
  return firstBatchReply(command.engine, namespace, stream, batchSize, single, paceOf(command));
}

/** The `getMore` command. */
export async function getMore(command: Command): Promise<Buffer> {
  checkFields(command, ['collection', 'batchSize']);
  const { engine, body } = command;
  const id = cursorIdOf(body.getMore);
  const namespace = `${command.database}.${String(body.collection)}`;
  const batchSize = countArgument(command, 'batchSize') || Number.POSITIVE_INFINITY;
  const stream = engine.cursors.take(id, namespace);
  try {
    const batch = new Batch();
    const done = await fillBatch(batch, stream, batchSize, paceOf(command));
    stream.pause();
    if (done) engine.cursors.remove(id);
    return cursorReply('nextBatch', batch, done ? 0n : id, namespace);
  } catch (error) {
    engine.cursors.remove(id);
    throw error;
  } finally {
    engine.cursors.release(id);
  }
}

/** The `killCursors` command. */
export function killCursors(command: Command): Document {
  const ids = command.body.cursors;
  if (!Array.isArray(ids)) return fail(ErrorCode.TypeMismatch, `BSON field 'killCursors.cursors' is the wrong type`);
  const killed: Long[] = [];
  const notFound: Long[] = [];
  for (const value of ids) {
    const id = cursorIdOf(value);
    (command.engine.cursors.remove(id) ? killed : notFound).push(Long.fromBigInt(id));
  }
  return { cursorsKilled: killed, cursorsNotFound: notFound, cursorsAlive: [], cursorsUnknown: [], ok: new Double(1) };
}

/** The `count` command; a negative limit counts as its absolute value. */
export async function count(command: Command): Promise<Document> {
  checkFields(command, ['query', 'limit', 'skip', 'hint', 'collation', 'fields']);
  const { engine } = command;
  const collection = engine.catalog.find(command.database, collectionName(command));
  const limit = Math.abs(numberOf(command.body.limit) ?? 0);
  const spec = { ...querySpec(command, 'query'), limit };
  let n = 0;
  if (collection && Object.keys(spec.filter).length === 0 && spec.hint === undefined) {
    n = Math.max(0, collection.count - (spec.skip ?? 0));
    if (limit > 0) n = Math.min(n, limit);
  } else {
    await drain(engine.open(collection, spec), paceOf(command), () => {
      n++;
    });
  }
  return { n: new Int32(n), ok: new Double(1) };
}

/** The `distinct` command. */
export async function distinct(command: Command): Promise<Document> {
  checkFields(command, ['key', 'query', 'collation', 'hint']);
  const { engine, body } = command;
  const { key } = body;
  if (key === undefined) fail(40414, `BSON field 'distinct.key' is missing but a required field`);
  if (typeof key !== 'string')
    return fail(
      ErrorCode.TypeMismatch,
      `BSON field 'distinct.key' is the wrong type '${typeNameOf(key)}', expected type 'string'`,
    );
  const collection = engine.catalog.find(command.database, collectionName(command));
  const spec = querySpec(command, 'query');
  const found = new Map<string, unknown>();
  await drain(engine.open(collection, spec), paceOf(command), (document) => {
    const size = document.readInt32LE(0);
    for (const value of distinctValues(
      decodeTyped(Uint8Array.prototype.slice.call(document, 0, size)),
      key.split('.'),
    )) {
      const identity = collatedIdentity(value, spec.collation);
      if (!found.has(identity)) found.set(identity, value);
    }
  });
  return { values: [...found.values()], ok: new Double(1) };
}
