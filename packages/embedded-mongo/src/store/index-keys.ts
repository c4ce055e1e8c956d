/** Which keys a document has in an index: one, or one per array element (multikey). */

import { KeyWriter } from '../bson/index-key.ts';
import {
  afterCString,
  afterValue,
  BsonType,
  type FieldPath,
  findField,
  isArrayIndex,
  type RawValue,
} from '../bson/raw-document.ts';
import { fail } from '../errors.ts';

/** One field of an index. */
export interface IndexField {
  readonly path: FieldPath;
  readonly descending: boolean;
}

/** Receives each key (valid during the call) and the values that it was made of. */
export type KeyVisitor = (writer: KeyWriter, values: readonly RawValue[]) => void;

/** MongoDB's code for two arrays in one compound key. */
export const PARALLEL_ARRAYS = 171;

const writer = new KeyWriter(512);

interface Slot {
  value: RawValue | undefined;
  start: number; // of the document to go on in
  part: number; // next path component
  array: number; // offset of the array met on the way, or -1
}

/**
 * Calls `visit` with each key of the document.
 *
 * @param onArray told which fields (by position) went through an array
 * @throws MongoError 171 when two different arrays would have to be combined
 */
export function eachIndexKey(
  bytes: Buffer,
  start: number,
  fields: readonly IndexField[],
  visit: KeyVisitor,
  onArray: (field: number) => void,
): void {
  const slots: Slot[] = fields.map(() => ({ value: undefined, start, part: 0, array: -1 }));
  expand(bytes, fields, slots, visit, onArray);
}

const place: RawValue = { type: 0, at: 0 };

/**
 * The key of a document that has one: no array is on the way to any field. Without the places that `eachIndexKey` keeps for each field.
 *
 * @returns the key, valid until the next one is made; undefined where `eachIndexKey` must be asked
 */
export function onlyIndexKey(bytes: Buffer, start: number, fields: readonly IndexField[]): KeyWriter | undefined {
  writer.reset();
  for (const { path, descending } of fields) {
    if (!follow(bytes, start, path)) return undefined;
    writer.value(bytes, place.type, place.at, descending);
  }
  return writer;
}

/** Leaves in `place` where the path leads; false where it leads to an array. */
function follow(bytes: Buffer, start: number, { parts }: FieldPath): boolean {
  place.type = BsonType.object;
  place.at = start;
  for (const part of parts) {
    if (place.type !== BsonType.object) place.type = BsonType.missing;
    else findField(bytes, place.at, part, place);
    if (place.type === BsonType.array) return false;
  }
  return true;
}

/** True when none of the index's fields is in the document. */
export function lacksAllFields(bytes: Buffer, start: number, fields: readonly IndexField[]): boolean {
  let present = false;
  const look = (_writer: KeyWriter, values: readonly RawValue[]) => {
    present ||= values.some((value) => value.type !== BsonType.missing);
  };
  eachIndexKey(bytes, start, fields, look, () => {});
  return !present;
}

function expand(
  bytes: Buffer,
  fields: readonly IndexField[],
  slots: Slot[],
  visit: KeyVisitor,
  onArray: (field: number) => void,
): void {
  let array = -1;
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    if (slot.value) continue;
    descend(bytes, fields[i]!.path, slot);
    if (slot.array === -1) continue;
    onArray(i);
    if (array !== -1 && array !== slot.array) {
      fail(PARALLEL_ARRAYS, `cannot index parallel arrays [${fields[i]!.path.text}]`);
    }
    array = slot.array;
  }
  if (array === -1) emit(bytes, fields, slots, visit);
  else expandArray(bytes, fields, slots, array, visit, onArray);
}

/** Follows a path through embedded documents to a value, or to the first array. */
function descend(bytes: Buffer, path: FieldPath, slot: Slot): void {
  const found: RawValue = { type: BsonType.object, at: slot.start };
  while (slot.part < path.parts.length) {
    if (found.type === BsonType.array) {
      const index = path.parts[slot.part]!;
      if (!isArrayIndex(index)) break;
    } else if (found.type !== BsonType.object) {
      slot.value = { type: BsonType.missing, at: 0 };
      return;
    }
    findField(bytes, found.at, path.parts[slot.part]!, found);
    slot.part++;
  }
  if (found.type === BsonType.array) slot.array = found.at;
  else slot.value = found;
}

function expandArray(
  bytes: Buffer,
  fields: readonly IndexField[],
  slots: Slot[],
  array: number,
  visit: KeyVisitor,
  onArray: (field: number) => void,
): void {
  let at = array + 4;
  let empty = true;
  for (let type = bytes[at]!; type !== 0; type = bytes[at]!) {
    const valueAt = afterCString(bytes, at + 1);
    empty = false;
    expand(bytes, fields, slotsOfElement(fields, slots, array, { type, at: valueAt }), visit, onArray);
    at = afterValue(bytes, type, valueAt);
  }
  if (empty) {
    // an empty array is indexed as undefined, and fields inside it as missing
    const element = { type: BsonType.undefined, at: 0 };
    expand(bytes, fields, slotsOfElement(fields, slots, array, element), visit, onArray);
  }
}

function slotsOfElement(fields: readonly IndexField[], slots: Slot[], array: number, element: RawValue): Slot[] {
  return slots.map((slot, i) => {
    if (slot.array !== array) return { ...slot };
    const ends = slot.part === fields[i]!.path.parts.length;
    if (ends) return { value: element, start: 0, part: slot.part, array: -1 };
    if (element.type === BsonType.object) return { value: undefined, start: element.at, part: slot.part, array: -1 };
    return { value: { type: BsonType.missing, at: 0 }, start: 0, part: slot.part, array: -1 };
  });
}

function emit(bytes: Buffer, fields: readonly IndexField[], slots: Slot[], visit: KeyVisitor): void {
  writer.reset();
  const values = slots.map((slot) => slot.value!);
  for (let i = 0; i < values.length; i++) {
    writer.value(bytes, values[i]!.type, values[i]!.at, fields[i]!.descending);
  }
  visit(writer, values);
}
