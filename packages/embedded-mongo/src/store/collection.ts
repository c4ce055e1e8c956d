/** Documents of one collection and their index entries; both change in the same LMDB transaction. */
import type { Document } from 'bson';
import { type KeyWriter, keyOfRaw } from '../bson/index-key.ts';
import { afterCString, afterValue, BsonType, findField, type RawValue } from '../bson/raw-document.ts';
import { decodeValueAt } from '../bson/typed-values.ts';
import { duplicateKey, ErrorCode, fail } from '../errors.ts';
import type { IndexDefinition } from './index-definition.ts';
import { eachIndexKey, lacksAllFields, onlyIndexKey } from './index-keys.ts';
import { afterTree, KEY_OVERHEAD, type KeyValueStore, MAX_KEY_BYTES, treePrefix } from './key-value-store.ts';

const EMPTY = Buffer.alloc(0);
const ID = Buffer.from('_id');

/** What the catalog must be told about a change to a collection. */
export interface CollectionOwner {
  /** Counts changed. */
  touched(collection: Collection): void;
  /** An index became multikey: the stored definition must say so before this transaction commits. */
  changed(collection: Collection): void;
}

export class Collection {
  readonly database: string;
  readonly name: string;
  readonly treeId: number;
  readonly options: Document;
  readonly uuid: Buffer;
  indexes: IndexDefinition[] = [];
  count = 0;
  dropped = false;
  private readonly store: KeyValueStore;
  private readonly owner: CollectionOwner;
  private nextRecord = 0;
  /** The key of the record that is read: `lmdb` copies it before it returns, so one buffer serves all reads. */
  private readonly peeked = Buffer.alloc(10);

  constructor(
    identity: { database: string; name: string; treeId: number; options: Document; uuid: Buffer },
    store: KeyValueStore,
    owner: CollectionOwner,
  ) {
    this.database = identity.database;
    this.name = identity.name;
    this.treeId = identity.treeId;
    this.options = identity.options;
    this.uuid = identity.uuid;
    this.store = store;
    this.owner = owner;
    this.peeked.writeUInt32BE(identity.treeId);
    this.nextRecord = this.lastRecord() + 1;
  }

  get namespace(): string {
    return `${this.database}.${this.name}`;
  }

  get idIndex(): IndexDefinition {
    return this.indexes[0]!;
  }

  private lastRecord(): number {
    const range = { start: afterTree(this.treeId), end: treePrefix(this.treeId), reverse: true, limit: 1 };
    for (const key of this.store.keys(range)) if (key.readUInt32BE(0) === this.treeId) return key.readUIntBE(4, 6);
    return 0;
  }

  recordKey(record: number): Buffer {
    const key = Buffer.allocUnsafe(10);
    key.writeUInt32BE(this.treeId);
    key.writeUIntBE(record, 4, 6);
    return key;
  }

  /** The document in a buffer that the next read of the store overwrites. */
  peek(record: number): Buffer | undefined {
    this.peeked.writeUIntBE(record, 4, 6);
    return this.store.peek(this.peeked);
  }

  /** A copy of the document. */
  read(record: number): Buffer | undefined {
    return this.store.get(this.recordKey(record));
  }

  /** Inserts a checked document that has `_id` first; throws 11000 before anything is written. */
  insert(document: Buffer): number {
    const record = this.nextRecord++;
    const entries = this.indexes.map((index) => this.keysOf(index, document));
    this.refuseDuplicates(entries, document, record);
    this.store.put(this.recordKey(record), document);
    this.indexes.forEach((index, i) => {
      for (const key of entries[i]!) this.putEntry(index, key, record);
    });
    this.count++;
    this.owner.touched(this);
    return record;
  }

  /** Replaces a document; `changed` names the top-level fields that may differ (all when absent). */
  replace(record: number, before: Buffer, after: Buffer, changed?: ReadonlySet<string>): void {
    const affected = this.indexes.filter((index) => !changed || overlaps(index.touchedBy, changed));
    const oldKeys = affected.map((index) => this.keysOf(index, before));
    const newKeys = affected.map((index) => this.keysOf(index, after));
    const added = newKeys.map((keys, i) => difference(keys, oldKeys[i]!));
    this.refuseDuplicates(added, after, record, affected);
    affected.forEach((index, i) => {
      for (const key of difference(oldKeys[i]!, newKeys[i]!)) this.removeEntry(index, key, record);
      for (const key of added[i]!) this.putEntry(index, key, record);
    });
    this.store.put(this.recordKey(record), after);
    this.owner.touched(this);
  }

  remove(record: number, document: Buffer): void {
    for (const index of this.indexes) {
      for (const key of this.keysOf(index, document)) this.removeEntry(index, key, record);
    }
    this.store.remove(this.recordKey(record));
    this.count--;
    this.owner.touched(this);
  }

  /** Adds the entries of one stored document to a new index. */
  addToIndex(index: IndexDefinition, record: number, document: Buffer): void {
    const keys = this.keysOf(index, document);
    this.refuseDuplicates([keys], document, record, [index]);
    for (const key of keys) this.putEntry(index, key, record);
  }

  /** The keys of a document in an index (with the tree's prefix, without the record), each once. */
  private keysOf(index: IndexDefinition, document: Buffer): Buffer[] {
    if (index.isIncluded && !index.isIncluded(document, 0)) return [];
    if (index.sparse && lacksAllFields(document, 0, index.fields)) return [];
    const only = onlyIndexKey(document, 0, index.fields);
    if (only) return [this.keyFrom(index, only)];
    const keys: Buffer[] = [];
    let multikey = false;
    const onArray = (field: number) => {
      multikey = true;
      if (index.multikey[field]) return;
      index.multikey[field] = true;
      this.owner.changed(this);
    };
    eachIndexKey(
      document,
      0,
      index.fields,
      (writer) => {
        const key = this.keyFrom(index, writer);
        if (!multikey || !keys.some((other) => other.equals(key))) keys.push(key);
      },
      onArray,
    );
    return keys;
  }

  private keyFrom(index: IndexDefinition, writer: KeyWriter): Buffer {
    if (writer.length + KEY_OVERHEAD > MAX_KEY_BYTES) refuseLongKey(this.namespace, index, writer.length);
    const key = Buffer.allocUnsafe(4 + writer.length);
    key.writeUInt32BE(index.treeId);
    writer.bytes.copy(key, 4, 0, writer.length);
    return key;
  }

  private refuseDuplicates(keys: Buffer[][], document: Buffer, record: number, indexes = this.indexes): void {
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!;
      if (!index.unique) continue;
      for (const key of keys[i]!) {
        const holder = this.store.peek(key);
        if (holder && holder.readUIntBE(0, 6) !== record) {
          throw duplicateKey(this.namespace, index.name, plainPattern(index), keyValueOf(index, document, key));
        }
      }
    }
  }

  private putEntry(index: IndexDefinition, key: Buffer, record: number): void {
    if (index.unique) {
      const value = Buffer.allocUnsafe(6);
      value.writeUIntBE(record, 0, 6);
      this.store.put(key, value);
    } else this.store.put(entryKey(key, record), EMPTY);
  }

  private removeEntry(index: IndexDefinition, key: Buffer, record: number): void {
    this.store.remove(index.unique ? key : entryKey(key, record));
  }

  /** The record with this raw `_id`, or undefined. */
  recordOfId(document: Buffer, start: number): number | undefined {
    const id: RawValue = { type: 0, at: 0 };
    findField(document, start, ID, id);
    const key = Buffer.concat([treePrefix(this.idIndex.treeId), keyOfRaw(document, id.type, id.at)]);
    return this.store.peek(key)?.readUIntBE(0, 6);
  }
}

function entryKey(key: Buffer, record: number): Buffer {
  const entry = Buffer.allocUnsafe(key.length + 6);
  key.copy(entry);
  entry.writeUIntBE(record, key.length, 6);
  return entry;
}

function overlaps(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const name of a) if (b.has(name)) return true;
  return false;
}

function difference(keys: Buffer[], without: Buffer[]): Buffer[] {
  return keys.filter((key) => !without.some((other) => other.equals(key)));
}

function refuseLongKey(namespace: string, index: IndexDefinition, length: number): never {
  const limit = MAX_KEY_BYTES - KEY_OVERHEAD;
  fail(ErrorCode.KeyTooLong, `key too large to index: ${namespace} index ${index.name}, ${length} bytes of ${limit}`);
}

function plainPattern(index: IndexDefinition): Document {
  return index.keyPattern;
}

/** The values of the duplicate key; for a multikey index, those of the array element that met its like. */
function keyValueOf(index: IndexDefinition, document: Buffer, key: Buffer): Document {
  const wanted = key.subarray(4);
  let result: Document | undefined;
  const remember = (values: readonly RawValue[]) => {
    result = {};
    values.forEach((value, i) => {
      const end = value.type === BsonType.missing ? value.at : afterValue(document, value.type, value.at);
      result![index.fields[i]!.path.text] = decodeValueAt(document, value.type, value.at, end) ?? null;
    });
  };
  eachIndexKey(
    document,
    0,
    index.fields,
    (writer, values) => {
      if (!result && writer.bytes.subarray(0, writer.length).equals(wanted)) remember(values);
    },
    () => {},
  );
  return result ?? {};
}

/** Puts `_id` first, making an ObjectId when there is none; refuses ids that MongoDB refuses. */
export function withIdFirst(document: Buffer, newId: () => Buffer): Buffer {
  const id: RawValue = { type: 0, at: 0 };
  findField(document, 0, ID, id);
  if (id.type === BsonType.missing) return prepend(document, newId());
  if (id.type === BsonType.array || id.type === BsonType.regex || id.type === BsonType.undefined) {
    const name = id.type === BsonType.array ? 'array' : id.type === BsonType.regex ? 'regex' : 'undefined';
    fail(53, `The '_id' value cannot be of type ${name}`);
  }
  const element = id.at - 5;
  if (element === 4) return document;
  const end = afterValue(document, id.type, id.at);
  const moved = Buffer.from(document);
  document.copy(moved, 4, element, end);
  document.copy(moved, 4 + end - element, 4, element);
  return moved;
}

function prepend(document: Buffer, objectId: Buffer): Buffer {
  const result = Buffer.allocUnsafe(document.length + 17);
  result.writeInt32LE(result.length, 0);
  result[4] = BsonType.objectId;
  ID.copy(result, 5);
  result[8] = 0;
  objectId.copy(result, 9);
  document.copy(result, 21, 4);
  return result;
}

/** The raw `_id` of a stored document: it is always the first field. */
export function idOf(document: Buffer): unknown {
  const valueAt = afterCString(document, 5);
  return decodeValueAt(document, document[4]!, valueAt, afterValue(document, document[4]!, valueAt));
}
