/** create, drop, dropDatabase, listCollections, listDatabases, and the statistics of collections. */
import { Binary, type Document, Int32, Long } from 'bson';
import { compileCollation } from '../bson/collation.ts';
import { encodeTyped, isTruthy } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { compileFilter } from '../query/filter.ts';
import type { Collection } from '../store/collection.ts';
import { checkDatabaseName } from '../store/namespace.ts';
import { type Command, checkFields, collectionName, documentArgument, flagArgument, isDurable } from './command.ts';
import { listReply } from './index-commands.ts';
import { writableName } from './write-commands.ts';

const UNSUPPORTED_OPTIONS = [
  'capped',
  'timeseries',
  'viewOn',
  'clusteredIndex',
  'encryptedFields',
  'changeStreamPreAndPostImages',
  'validator',
];

/** The `create` command. */
export async function create(command: Command): Promise<Document> {
  checkFields(command, [
    ...UNSUPPORTED_OPTIONS,
    'autoIndexId',
    'idIndex',
    'size',
    'max',
    'storageEngine',
    'validationLevel',
    'validationAction',
    'indexOptionDefaults',
    'pipeline',
    'collation',
    'expireAfterSeconds',
    'flags',
    'temp',
  ]);
  const { engine, body, database } = command;
  for (const option of UNSUPPORTED_OPTIONS) {
    if (isTruthy(body[option]))
      fail(ErrorCode.CommandNotSupported, `create option '${option}' is not supported by this server`);
  }
  if (compileCollation(body.collation)) {
    fail(ErrorCode.CommandNotSupported, 'collections with a default collation are not supported by this server');
  }
  const name = writableName(command);
  await engine.store.writer.write(() => {
    const existing = engine.catalog.find(database, name);
    if (!existing) engine.catalog.create(database, name, {});
  }, isDurable(command));
  return { ok: 1 };
}

/** The `drop` command. */
export async function drop(command: Command): Promise<Document> {
  checkFields(command, []);
  const { engine } = command;
  const name = writableName(command);
  const reply = await engine.store.writer.write(
    () => {
      const collection = engine.catalog.find(command.database, name);
      if (!collection) return { ok: 1 };
      engine.catalog.drop(collection);
      return { nIndexesWas: new Int32(collection.indexes.length), ns: collection.namespace, ok: 1 };
    },
    isDurable(command),
    false,
  );
  void engine.collectGarbage();
  return reply;
}

/** The `dropDatabase` command. */
export async function dropDatabase(command: Command): Promise<Document> {
  checkFields(command, []);
  const { engine, database } = command;
  checkDatabaseName(database);
  const existed = await engine.store.writer.write(
    () => {
      const collections = engine.catalog.collections(database);
      for (const collection of collections) engine.catalog.drop(collection);
      return collections.length > 0;
    },
    isDurable(command),
    false,
  );
  void engine.collectGarbage();
  return existed ? { dropped: database, ok: 1 } : { ok: 1 };
}

/** The `listCollections` command. */
export function listCollections(command: Command): Promise<Buffer> {
  checkFields(command, ['filter', 'nameOnly', 'cursor', 'authorizedCollections']);
  const matches = compileFilter(documentArgument(command, 'filter') ?? {});
  const nameOnly = flagArgument(command, 'nameOnly', false);
  const listed = command.engine.catalog
    .collections(command.database)
    .map(describe)
    .filter((description) => matches(encodeTyped(description), 0))
    .map((description) => (nameOnly ? { name: description.name, type: 'collection' } : description));
  return listReply(command, `${command.database}.$cmd.listCollections`, listed);
}

function describe(collection: Collection): Document {
  return {
    name: collection.name,
    type: 'collection',
    options: collection.options,
    info: { readOnly: false, uuid: new Binary(collection.uuid, 4) },
    idIndex: collection.idIndex.spec,
  };
}

/** The `listDatabases` command. */
export function listDatabases(command: Command): Document {
  checkFields(command, ['filter', 'nameOnly', 'authorizedDatabases']);
  if (command.database !== 'admin') fail(13, 'listDatabases may only be run against the admin database.');
  const matches = compileFilter(documentArgument(command, 'filter') ?? {});
  const nameOnly = flagArgument(command, 'nameOnly', false);
  const databases = command.engine.catalog
    .databaseNames()
    .map((name): Document => ({ name, sizeOnDisk: Long.fromNumber(sizeOf(command, name)), empty: false }))
    .filter((description) => matches(encodeTyped(description), 0))
    .map((description) => (nameOnly ? { name: description.name } : description));
  if (nameOnly) return { databases, ok: 1 };
  const total = databases.reduce((sum, { sizeOnDisk }) => sum + Number(sizeOnDisk), 0);
  return {
    databases,
    totalSize: Long.fromNumber(total),
    totalSizeMb: Long.fromNumber(Math.floor(total / 2 ** 20)),
    ok: 1,
  };
}

/** No tree knows its size: a rough figure from the number of documents. */
function sizeOf(command: Command, database: string): number {
  return command.engine.catalog.collections(database).reduce((sum, { count }) => sum + 4096 + count * 256, 0);
}

/** The `collStats` command, as far as it is known. */
export function collStats(command: Command): Document {
  const collection = command.engine.catalog.find(command.database, collectionName(command));
  const count = new Int32(collection?.count ?? 0);
  const size = new Int32((collection?.count ?? 0) * 256);
  return {
    ns: `${command.database}.${collectionName(command)}`,
    size,
    count,
    storageSize: size,
    totalIndexSize: new Int32(0),
    nindexes: new Int32(collection?.indexes.length ?? 0),
    indexSizes: {},
    capped: false,
    ok: 1,
  };
}

/** The `dbStats` command, as far as it is known. */
export function dbStats(command: Command): Document {
  const collections = command.engine.catalog.collections(command.database);
  const size = sizeOf(command, command.database);
  return {
    db: command.database,
    collections: new Int32(collections.length),
    views: new Int32(0),
    objects: Long.fromNumber(collections.reduce((sum, { count }) => sum + count, 0)),
    dataSize: size,
    storageSize: size,
    indexes: new Int32(collections.reduce((sum, { indexes }) => sum + indexes.length, 0)),
    indexSize: 0,
    ok: 1,
  };
}
