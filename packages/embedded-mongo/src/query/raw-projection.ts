/** Inclusion and exclusion of fields, on raw documents. */
import { afterCString, afterValue, BsonType, elementName, nameIs } from '../bson/raw-document.ts';
import { RawWriter } from '../bson/raw-writer.ts';

/** Fields of a projection: a name is either taken (left out) whole, or projected further inside. */
export type FieldTree = Map<string, FieldTree | true>;

const writer = new RawWriter(64 * 1024);

/** Keeps the fields of the tree, in the order of the document. The result is valid until the next projection. */
export function includeFields(bytes: Buffer, tree: FieldTree): Buffer {
  writer.length = 0;
  include(bytes, 0, tree);
  return writer.view();
}

/** Leaves out the fields of the tree. */
export function excludeFields(bytes: Buffer, tree: FieldTree): Buffer {
  writer.length = 0;
  exclude(bytes, 0, tree);
  return writer.view();
}

function include(bytes: Buffer, start: number, tree: FieldTree): void {
  const opened = writer.open();
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    const end = afterValue(bytes, type, valueAt);
    const branch = branchOf(bytes, at, valueAt, tree);
    if (branch === true) writer.append(bytes, at, end);
    else if (branch && (type === BsonType.object || type === BsonType.array)) {
      writer.append(bytes, at, valueAt);
      if (type === BsonType.object) include(bytes, valueAt, branch);
      else includeInArray(bytes, valueAt, branch);
    }
    at = end;
  }
  writer.close(opened);
}

/** Up to so many fields their names are compared as bytes, without making text of every name in the document. */
const FEW_FIELDS = 8;

interface NamedBranch {
  name: Buffer;
  branch: FieldTree | true;
}

const namesOf = new WeakMap<FieldTree, NamedBranch[]>();

function branchOf(bytes: Buffer, at: number, valueAt: number, tree: FieldTree): FieldTree | true | undefined {
  if (tree.size > FEW_FIELDS) return tree.get(elementName(bytes, at, valueAt));
  let names = namesOf.get(tree);
  if (!names) {
    names = [...tree].map(([name, branch]) => ({ name: Buffer.from(name), branch }));
    namesOf.set(tree, names);
  }
  for (const { name, branch } of names) if (nameIs(bytes, at + 1, name)) return branch;
  return undefined;
}

/** Of an array, its documents are projected; scalars in it are left out. */
function includeInArray(bytes: Buffer, start: number, tree: FieldTree): void {
  const opened = writer.open();
  let index = 0;
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    if (type === BsonType.object || type === BsonType.array) {
      writer.index(type, index++);
      if (type === BsonType.object) include(bytes, valueAt, tree);
      else includeInArray(bytes, valueAt, tree);
    }
    at = afterValue(bytes, type, valueAt);
  }
  writer.close(opened);
}

function exclude(bytes: Buffer, start: number, tree: FieldTree): void {
  const opened = writer.open();
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    const end = afterValue(bytes, type, valueAt);
    const branch = tree.get(elementName(bytes, at, valueAt));
    if (!branch) writer.append(bytes, at, end);
    else if (branch !== true) {
      writer.append(bytes, at, valueAt);
      excludeInside(bytes, type, valueAt, end, branch);
    }
    at = end;
  }
  writer.close(opened);
}

function excludeInside(bytes: Buffer, type: number, valueAt: number, end: number, tree: FieldTree): void {
  if (type === BsonType.object) exclude(bytes, valueAt, tree);
  else if (type === BsonType.array) excludeInArray(bytes, valueAt, tree);
  else writer.append(bytes, valueAt, end);
}

function excludeInArray(bytes: Buffer, start: number, tree: FieldTree): void {
  const opened = writer.open();
  let at = start + 4;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    const end = afterValue(bytes, type, valueAt);
    writer.append(bytes, at, valueAt);
    excludeInside(bytes, type, valueAt, end, tree);
    at = end;
  }
  writer.close(opened);
}
