/** createIndexes, listIndexes, dropIndexes. */
import { type Document, Int32 } from 'bson';
import { compileCollation } from '../bson/collation.ts';
import { identityOf } from '../bson/index-key.ts';
import { encodeTyped, isDocument, isTruthy, numberOf, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { compileFilter } from '../query/filter.ts';
import { patternText } from '../query/planner.ts';
import type { Collection } from '../store/collection.ts';
import type { IndexDefinition } from '../store/index-definition.ts';
import { type Command, checkFields, collectionName, countArgument, isDurable, typedDocuments } from './command.ts';
import { firstBatchReply } from './cursor-reply.ts';
import { nextFound } from './modify-document.ts';
import { paceOf } from './read-commands.ts';
import { writableName } from './write-commands.ts';

const KNOWN_OPTIONS = new Set([
  'key',
  'name',
  'unique',
  'sparse',
  'partialFilterExpression',
  'expireAfterSeconds',
  'background',
  'v',
  'ns',
  'hidden',
  'collation',
]);

/** The specification as it is kept and listed; throws for what MongoDB or this server refuses. */
function checkSpec(spec: Document): Document {
  const { key, name } = spec;
  if (!isDocument(key))
    return fail(ErrorCode.FailedToParse, `The 'key' field is a required property of an index specification`);
  if (Object.keys(key).length === 0) fail(ErrorCode.CannotCreateIndex, 'Index keys cannot be empty.');
  for (const [path, direction] of Object.entries(key)) checkKeyField(path, direction);
  if (typeof name !== 'string')
    fail(ErrorCode.FailedToParse, `The 'name' field is a required property of an index specification`);
  for (const option of Object.keys(spec)) {
    if (!KNOWN_OPTIONS.has(option))
      fail(197, `The field '${option}' is not valid for an index specification. Specification: ${String(name)}`);
  }
  checkOptions(spec, key);
  const { background: _background, ns: _ns, v: _v, collation: _collation, ...kept } = spec;
  return { v: new Int32(2), ...kept };
}

function checkKeyField(path: string, direction: unknown): void {
  if (typeof direction === 'string') {
    fail(ErrorCode.CannotCreateIndex, `index plugin '${direction}' is not supported by this server`);
  }
  const number = numberOf(direction);
  if (number === undefined || Number.isNaN(number)) {
    fail(
      ErrorCode.CannotCreateIndex,
      `Values in v:2 index key pattern cannot be of type ${typeNameOf(direction)}. Only numbers > 0, numbers < 0, and strings are allowed.`,
    );
  }
  if (number === 0) fail(ErrorCode.CannotCreateIndex, 'Values in the index key pattern cannot be 0.');
  if (path === '' || path.split('.').includes(''))
    fail(ErrorCode.CannotCreateIndex, 'Index keys cannot contain an empty field.');
  if (path.split('.').some((part) => part.startsWith('$'))) {
    fail(
      ErrorCode.CannotCreateIndex,
      path.includes('$**')
        ? 'wildcard indexes are not supported by this server'
        : `Index key contains an illegal field name: field name starts with '$'.`,
    );
  }
}

function checkOptions(spec: Document, key: Document): void {
  const { partialFilterExpression: partial, expireAfterSeconds: expire } = spec;
  if (partial !== undefined) {
    if (!isDocument(partial))
      fail(
        ErrorCode.TypeMismatch,
        `The field 'partialFilterExpression' must be an object, but got ${typeNameOf(partial)}`,
      );
    compileFilter(partial as Document);
    if (spec.sparse === true)
      fail(ErrorCode.CannotCreateIndex, 'cannot mix "partialFilterExpression" and "sparse" options');
  }
  if (expire !== undefined) {
    const seconds = numberOf(expire);
    if (seconds === undefined)
      fail(
        ErrorCode.CannotCreateIndex,
        `TTL index 'expireAfterSeconds' option must be numeric, but received a type of ${typeNameOf(expire)}`,
      );
    if (seconds! < 0) fail(ErrorCode.CannotCreateIndex, `TTL index 'expireAfterSeconds' option cannot be less than 0`);
    if (Object.keys(key).length > 1)
      fail(ErrorCode.CannotCreateIndex, 'TTL indexes are single-field indexes, compound indexes do not support TTL.');
    if ('_id' in key) fail(197, "The field 'expireAfterSeconds' is not valid for an _id index specification.");
  }
  if (compileCollation(spec.collation))
    fail(ErrorCode.CommandNotSupported, 'indexes with a collation are not supported by this server');
}

/** The existing index that makes a new one needless; throws for one that conflicts. */
function existing(collection: Collection, spec: Document): IndexDefinition | undefined {
  const pattern = patternText(spec.key as Document);
  if (pattern === '_id:1') return collection.idIndex;
  for (const index of collection.indexes) {
    const sameKey = patternText(index.keyPattern) === pattern;
    const sameName = index.name === spec.name;
    if (!sameKey && !sameName) continue;
    const samePartial = identityOf(index.partialFilter ?? null) === identityOf(spec.partialFilterExpression ?? null);
    const sameOptions =
      samePartial &&
      index.unique === isTruthy(spec.unique) &&
      index.sparse === isTruthy(spec.sparse) &&
      index.expireAfterSeconds === numberOf(spec.expireAfterSeconds);
    if (sameKey && sameName && sameOptions) return index;
    if (sameName) {
      fail(
        ErrorCode.IndexKeySpecsConflict,
        `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: ${index.name}`,
      );
    }
    if (!samePartial) continue;
    fail(
      ErrorCode.IndexOptionsConflict,
      sameOptions
        ? `Index already exists with a different name: ${index.name}`
        : `An equivalent index already exists with a different name or options: ${index.name}`,
    );
  }
  return undefined;
}

/** The `createIndexes` command. Each index is built in one transaction: it is there whole or not at all. */
export async function createIndexes(command: Command): Promise<Document> {
  checkFields(command, ['indexes', 'commitQuorum', 'ignoreUnknownIndexOptions']);
  const { engine, database } = command;
  const name = writableName(command);
  const specs = typedDocuments(command, 'indexes').map(checkSpec);
  if (specs.length === 0) fail(ErrorCode.BadValue, 'Must specify at least one index to create');
  const { before, after, created } = await engine.store.writer.write(() => {
    const isNew = !engine.catalog.find(database, name);
    const collection = engine.catalog.findOrCreate(database, name);
    const count = collection.indexes.length;
    const added: IndexDefinition[] = [];
    try {
      for (const spec of specs) {
        if (existing(collection, spec)) continue;
        const index = engine.catalog.newIndex(spec);
        added.push(index);
        buildIndex(command, collection, index);
        collection.indexes.push(index);
      }
    } catch (error) {
      collection.indexes = collection.indexes.filter((index) => !added.includes(index));
      for (const index of added) engine.catalog.discardTree(index.treeId);
      engine.catalog.save(collection);
      throw error;
    }
    engine.catalog.save(collection);
    return { before: count, after: collection.indexes.length, created: isNew };
  }, isDurable(command));
  const note = before === after ? { note: 'all indexes already exist' } : {};
  return {
    numIndexesBefore: new Int32(before),
    numIndexesAfter: new Int32(after),
    createdCollectionAutomatically: created,
    ...note,
    ok: 1,
  };
}

function buildIndex(command: Command, collection: Collection, index: IndexDefinition): void {
  const cursor = command.engine.open(collection, { filter: {}, hint: { $natural: 1 } });
  for (let found = nextFound(cursor); found; found = nextFound(cursor)) {
    collection.addToIndex(index, found.record, found.document);
  }
}

/** The collection, or error 26. */
export function requireCollection(command: Command): Collection {
  const name = collectionName(command);
  const collection = command.engine.catalog.find(command.database, name);
  return collection ?? fail(ErrorCode.NamespaceNotFound, `ns does not exist: ${command.database}.${name}`);
}

/** The `listIndexes` command. */
export function listIndexes(command: Command): Promise<Buffer> {
  checkFields(command, ['cursor', 'includeBuildUUIDs', 'includeIndexBuildInfo']);
  const collection = requireCollection(command);
  const specs = collection.indexes.map((index) => index.spec);
  return listReply(command, `${collection.namespace}`, specs);
}

/** Documents made here as a cursor reply. */
export function listReply(command: Command, namespace: string, documents: readonly Document[]): Promise<Buffer> {
  const cursor = command.body.cursor;
  const batchSize = isDocument(cursor) ? countArgument(command, 'batchSize', cursor) : undefined;
  let next = 0;
  const stream = {
    step: () => {
      const document = documents[next++];
      return document && encodeTyped(document);
    },
    pause: () => {},
  };
  return firstBatchReply(command.engine, namespace, stream, batchSize, false, paceOf(command));
}

/** The `dropIndexes` command: by name, by key, several, or "*" for all but `_id_`. */
export async function dropIndexes(command: Command): Promise<Document> {
  checkFields(command, ['index']);
  const { engine, body } = command;
  requireCollection(command);
  return engine.store.writer
    .write(() => {
      const collection = requireCollection(command);
      const dropped = indexesToDrop(collection, body.index);
      const before = collection.indexes.length;
      collection.indexes = collection.indexes.filter((index) => !dropped.includes(index));
      for (const index of dropped) engine.catalog.discardTree(index.treeId);
      engine.catalog.save(collection);
      return { nIndexesWas: new Int32(before), ok: 1 };
    }, isDurable(command))
    .finally(() => void engine.collectGarbage());
}

function indexesToDrop(collection: Collection, wanted: unknown): IndexDefinition[] {
  if (wanted === '*') return collection.indexes.slice(1);
  const list = Array.isArray(wanted) ? wanted : [wanted];
  return list.map((item) => {
    const index = collection.indexes.find((candidate) =>
      typeof item === 'string'
        ? candidate.name === item
        : isDocument(item) && patternText(candidate.keyPattern) === patternText(item),
    );
    if (!index) {
      return typeof item === 'string'
        ? fail(ErrorCode.IndexNotFound, `index not found with name [${item}]`)
        : fail(
            ErrorCode.IndexNotFound,
            `can't find index with key: ${isDocument(item) ? patternText(item) : typeNameOf(item)}`,
          );
    }
    if (index === collection.idIndex) fail(ErrorCode.InvalidOptions, 'cannot drop _id index');
    return index;
  });
}
