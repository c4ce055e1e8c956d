/**
 * Updates of the commonest form, applied to the bytes of a document: `$set`, `$unset`, `$inc`, `$min` and `$max` of top-level fields. What an update does
 * not name is copied as it is; decoding and encoding whole documents was a sixth of the server's time under a chat's load.
 */
import { keyOfRaw, keyOfValue } from '../bson/index-key.ts';
import { afterCString, afterValue, BsonType, int32At, nameIs } from '../bson/raw-document.ts';
import { RawWriter } from '../bson/raw-writer.ts';
import { decodeValueAt, ENCODED_VALUE_AT, encodeValue } from '../bson/typed-values.ts';
import { idOf } from '../store/collection.ts';
import type { Modifier } from './parse-modifiers.ts';
import { arithmetic } from './value-operators.ts';

/**
 * Makes the bytes of the document after the update. They are valid until the next call; undefined where only the general way will do.
 * @throws MongoError as the general way does
 */
export type RawUpdate = (document: Buffer) => Buffer | undefined;

/** A value as BSON has it. */
interface RawField {
  readonly bytes: Buffer;
  readonly type: number;
  readonly at: number;
  readonly end: number;
}

interface RawModifier {
  readonly operator: '$set' | '$unset' | '$inc' | '$min' | '$max';
  readonly path: string;
  readonly name: Buffer;
  readonly operand: unknown;
  /** Made when it is first needed, as statements of which no document is found need none. */
  encoded?: RawField;
}

const OPERATORS: readonly string[] = ['$set', '$unset', '$inc', '$min', '$max'] satisfies RawModifier['operator'][];

/** More fields than bits of an integer are left to the general way. */
const MOST_FIELDS = 30;

const writer = new RawWriter(4096);

/**
 * Compiles modifiers that are free of conflicts, in the order in which new fields are added.
 * @returns undefined for those that are not of this form
 */
export function compileRawUpdate(modifiers: readonly Modifier[]): RawUpdate | undefined {
  // on an existing document it does nothing
  const effective = modifiers.filter(({ operator }) => operator !== '$setOnInsert');
  if (effective.length > MOST_FIELDS || !effective.every(isPlain)) return undefined;
  const plain = effective.map(rawModifier);
  return (document) => {
    writer.length = 0;
    return rewrite(document, plain) ? writer.view() : undefined;
  };
}

/** `_id` and names that start with `$` have checks of their own, and names that are whole numbers an order of their own. */
function isPlain({ operator, parts, path, operand }: Modifier): boolean {
  if (!OPERATORS.includes(operator) || parts.length !== 1) return false;
  return path !== '_id' && operand !== undefined && !/^(\d+$|\$)/.test(path) && !path.includes('\0');
}

const rawModifier = ({ operator, path, operand }: Modifier): RawModifier => ({
  ...{ operator: operator as RawModifier['operator'], path, name: Buffer.from(path), operand },
});

/** @returns false where a name of the update is in the document twice: what was written is worth nothing then */
function rewrite(document: Buffer, modifiers: readonly RawModifier[]): boolean {
  const opened = writer.open();
  let met = 0;
  let copied = 4;
  let at = 4;
  for (let type = document[at]!; type !== 0; type = document[at]!) {
    const place = modifierOf(document, at + 1, modifiers);
    const modifier = modifiers[place];
    const valueAt = modifier ? at + 2 + modifier.name.length : afterCString(document, at + 1);
    const end = afterValue(document, type, valueAt);
    if (modifier) {
      if (met & (1 << place)) return false;
      met |= 1 << place;
      writer.append(document, copied, at);
      writeField(modifier, valueAfter(modifier, { bytes: document, type, at: valueAt, end }, document));
      copied = end;
    }
    at = end;
  }
  writer.append(document, copied, at);
  modifiers.forEach((modifier, place) => {
    if (!(met & (1 << place))) writeField(modifier, valueAfter(modifier, undefined, document));
  });
  writer.close(opened);
  return true;
}

function modifierOf(document: Buffer, nameAt: number, modifiers: readonly RawModifier[]): number {
  for (let place = 0; place < modifiers.length; place++) {
    if (nameIs(document, nameAt, modifiers[place]!.name)) return place;
  }
  return -1;
}

function writeField({ path }: RawModifier, value: RawField | undefined): void {
  if (!value) return;
  writer.name(value.type, path);
  writer.append(value.bytes, value.at, value.end);
}

/** The value of a field after the update; undefined where the field is not there then. */
function valueAfter(modifier: RawModifier, current: RawField | undefined, document: Buffer): RawField | undefined {
  const { operator } = modifier;
  if (operator === '$unset') return undefined;
  const operand = operandOf(modifier);
  if (operator === '$set' || !current) return operand;
  if (operator === '$inc') return plainSum(current, operand) ?? sum(modifier, current, document);
  const order = Buffer.compare(keyOfValue(modifier.operand), keyOfRaw(current.bytes, current.type, current.at));
  return (operator === '$min' ? order < 0 : order > 0) ? operand : current;
}

function operandOf(modifier: RawModifier): RawField {
  modifier.encoded ??= fieldOf(modifier.operand);
  return modifier.encoded;
}

function fieldOf(value: unknown): RawField {
  const bytes = encodeValue(value);
  return { bytes, type: bytes[4]!, at: ENCODED_VALUE_AT, end: bytes.length - 1 };
}

const summed = Buffer.alloc(4);

/** The sum of two ints that is one: the counters of a chat. */
function plainSum(a: RawField, b: RawField): RawField | undefined {
  if (a.type !== BsonType.int || b.type !== BsonType.int) return undefined;
  const result = int32At(a.bytes, a.at) + int32At(b.bytes, b.at);
  if (result !== (result | 0)) return undefined;
  summed.writeInt32LE(result);
  return { bytes: summed, type: BsonType.int, at: 0, end: 4 };
}

function sum({ operand, path }: RawModifier, current: RawField, document: Buffer): RawField {
  const { bytes, type, at, end } = current;
  return fieldOf(arithmetic('$inc', decodeValueAt(bytes, type, at, end), operand, path, idOf(document)));
}
