/** Which databases, collections and indexes there are. Kept in memory; every change is written in the same transaction. */
import { randomBytes } from 'node:crypto';
import { type Document, Int32 } from 'bson';
import { decodeTyped, encodeTyped } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { Collection, type CollectionOwner } from './collection.ts';
import { defineIndex, type IndexDefinition, type RawMatcher, type StoredIndex } from './index-definition.ts';
import { afterTree, type KeyValueStore, treePrefix } from './key-value-store.ts';
import { checkCollectionName, checkDatabaseName } from './namespace.ts';

/** Trees below this number belong to the catalog itself. */
const FIRST_TREE = 16;
const DEFINITIONS = 0;
const STATS = 1;
const COUNTER = 2;
const GARBAGE = 3;

const ID_SPEC = { v: new Int32(2), key: { _id: new Int32(1) }, name: '_id_' };

export class Catalog implements CollectionOwner {
  private readonly store: KeyValueStore;
  private readonly compile: (filter: Document) => RawMatcher;
  private databases = new Map<string, Map<string, Collection>>();
  private dirtyStats = new Set<Collection>();
  private dirtyDefinitions = new Set<Collection>();
  private nextTree = FIRST_TREE;

  constructor(store: KeyValueStore, compile: (filter: Document) => RawMatcher) {
    this.store = store;
    this.compile = compile;
  }

  /** Reads everything from the store; also after a transaction was rolled back. */
  load(): void {
    for (const collections of this.databases.values()) for (const old of collections.values()) old.dropped = true;
    this.databases = new Map();
    this.dirtyStats.clear();
    this.dirtyDefinitions.clear();
    const counter = this.store.get(catalogKey(COUNTER, ''));
    this.nextTree = counter ? counter.readUInt32BE(0) : FIRST_TREE;
    for (const { value } of this.store.entries({ start: treePrefix(DEFINITIONS), end: afterTree(DEFINITIONS) })) {
      this.restore(decodeTyped(value));
    }
  }

  private restore(stored: Document): void {
    const identity = stored.identity as Document;
    const collection = this.register({
      database: identity.database,
      name: identity.name,
      treeId: Number(identity.treeId),
      options: identity.options,
      uuid: Buffer.from(identity.uuid.buffer),
    });
    collection.indexes = (stored.indexes as Document[]).map((index) =>
      defineIndex({ spec: index.spec, treeId: Number(index.treeId), multikey: index.multikey }, this.compile),
    );
    const stats = this.store.get(catalogKey(STATS, String(collection.treeId)));
    collection.count = stats ? stats.readDoubleBE(0) : 0;
  }

  private register(identity: ConstructorParameters<typeof Collection>[0]): Collection {
    const collection = new Collection(identity, this.store, this);
    let database = this.databases.get(identity.database);
    if (!database) {
      database = new Map();
      this.databases.set(identity.database, database);
    }
    database.set(identity.name, collection);
    return collection;
  }

  find(database: string, name: string): Collection | undefined {
    return this.databases.get(database)?.get(name);
  }

  collections(database: string): Collection[] {
    return [...(this.databases.get(database)?.values() ?? [])];
  }

  databaseNames(): string[] {
    return [...this.databases.keys()].sort();
  }

  all(): Collection[] {
    return [...this.databases.values()].flatMap((collections) => [...collections.values()]);
  }

  /** Only inside a write job. */
  findOrCreate(database: string, name: string): Collection {
    return this.find(database, name) ?? this.create(database, name, {});
  }

  /** Only inside a write job. */
  create(database: string, name: string, options: Document): Collection {
    checkDatabaseName(database);
    checkCollectionName(database, name);
    if (this.find(database, name)) {
      fail(ErrorCode.NamespaceExists, `Collection ${database}.${name} already exists.`);
    }
    const treeId = this.newTree();
    const collection = this.register({ database, name, treeId, options, uuid: randomBytes(16) });
    collection.indexes.push(this.newIndex(ID_SPEC));
    this.save(collection);
    return collection;
  }

  /** Defines an index with a tree of its own; the caller adds it to the collection and saves. */
  newIndex(spec: Document): IndexDefinition {
    return defineIndex({ spec, treeId: this.newTree(), multikey: [] }, this.compile);
  }

  private newTree(): number {
    const treeId = this.nextTree++;
    const counter = Buffer.allocUnsafe(4);
    counter.writeUInt32BE(this.nextTree);
    this.store.put(catalogKey(COUNTER, ''), counter);
    return treeId;
  }

  /** Writes a collection's definition. */
  save(collection: Collection): void {
    const { database, name, treeId, options, uuid } = collection;
    const indexes = collection.indexes.map(
      (index): StoredIndex => ({ spec: index.spec, treeId: index.treeId, multikey: index.multikey }),
    );
    const stored = encodeTyped({ identity: { database, name, treeId, options, uuid }, indexes });
    this.store.put(catalogKey(DEFINITIONS, `${database}\0${name}`), stored);
  }

  /** Forgets a collection at once; its keys are removed in the background. */
  drop(collection: Collection): void {
    collection.dropped = true;
    const database = this.databases.get(collection.database)!;
    database.delete(collection.name);
    if (database.size === 0) this.databases.delete(collection.database);
    this.dirtyStats.delete(collection);
    this.dirtyDefinitions.delete(collection);
    this.store.remove(catalogKey(DEFINITIONS, `${collection.database}\0${collection.name}`));
    this.store.remove(catalogKey(STATS, String(collection.treeId)));
    this.discardTree(collection.treeId);
    for (const index of collection.indexes) this.discardTree(index.treeId);
  }

  /** Marks a tree for removal; survives a restart. */
  discardTree(treeId: number): void {
    this.store.put(catalogKey(GARBAGE, String(treeId)), treePrefix(treeId));
  }

  /** Removes up to `limit` keys of discarded trees; only inside a write job. Returns false when none is left. */
  collectGarbage(limit: number): boolean {
    const marks = [...this.store.entries({ start: treePrefix(GARBAGE), end: afterTree(GARBAGE), limit: 1 })];
    const mark = marks[0];
    if (!mark) return false;
    const treeId = mark.value.readUInt32BE(0);
    const keys = [...this.store.keys({ start: treePrefix(treeId), end: afterTree(treeId), limit })];
    for (const key of keys) this.store.remove(key);
    if (keys.length < limit) this.store.remove(mark.key);
    return true;
  }

  touched(collection: Collection): void {
    this.dirtyStats.add(collection);
  }

  changed(collection: Collection): void {
    this.dirtyDefinitions.add(collection);
  }

  /** Writes what the jobs of a transaction left to be written: counts and multikey marks. */
  writeDirty(): void {
    for (const collection of this.dirtyStats) {
      const stats = Buffer.allocUnsafe(8);
      stats.writeDoubleBE(collection.count);
      this.store.put(catalogKey(STATS, String(collection.treeId)), stats);
    }
    for (const collection of this.dirtyDefinitions) this.save(collection);
    this.dirtyStats.clear();
    this.dirtyDefinitions.clear();
  }
}

function catalogKey(tree: number, name: string): Buffer {
  return Buffer.concat([treePrefix(tree), Buffer.from(name || '\0')]);
}
