/** Counting by one field needs no decoded documents: a $group by a field's path that only sums constants. */
import { type Document, Int32 } from 'bson';
import { identityOfRaw } from '../bson/index-key.ts';
import { afterValue, BsonType, findField, type RawValue } from '../bson/raw-document.ts';
import { decodeValueAt, isDocument, setField, type TypedDocument } from '../bson/typed-values.ts';
import type { ResultStream } from '../commands/result-stream.ts';
import { GROUP_BYTES, refuseLargeGroups } from './group-stage.ts';
import { streamOf, type TypedStream } from './typed-stream.ts';

/** The stage on a raw stream; undefined where it is another one. */
export function countByField(stage: Document, source: ResultStream): TypedStream | undefined {
  const spec = '$group' in stage ? specOf(stage.$group) : undefined;
  if (!spec) return undefined;
  const groups = new FieldGroups(spec.field);
  let bytes = 0;
  let result: TypedStream | undefined;
  return {
    step: () => {
      if (result) return result.step();
      const document = source.step();
      if (document) bytes += groups.take(document);
      else if (document === undefined) result = streamOf(groups.all().map((group) => resultOf(group, spec)));
      refuseLargeGroups(bytes);
      return null;
    },
    pause: () => source.pause(),
  };
}

interface Counted {
  id: unknown;
  count: number;
}

interface CountSpec {
  field: Buffer;
  name: string;
}

/** Reads `{ _id: '$field', name: { $sum: 1 } }`. */
function specOf(spec: unknown): CountSpec | undefined {
  if (!isDocument(spec)) return undefined;
  const { _id, ...fields } = spec;
  const [only, ...more] = Object.entries(fields);
  if (!only || more.length > 0 || typeof _id !== 'string' || !/^\$[^$.]+$/.test(_id)) return undefined;
  const [name, accumulator] = only;
  const operand = isDocument(accumulator) && Object.keys(accumulator).length === 1 ? accumulator.$sum : undefined;
  if (!(operand instanceof Int32) || operand.value !== 1 || name.includes('.')) return undefined;
  return { field: Buffer.from(_id.slice(1)), name };
}

class FieldGroups {
  private readonly groups = new Map<string, Counted>();
  private readonly field: Buffer;
  private readonly found: RawValue = { type: 0, at: 0 };
  /** An index gives the documents of a group one after the other: the value is compared with the last before a key is made of it. */
  private last: { group: Counted; type: number; value: Buffer } | undefined;

  constructor(field: Buffer) {
    this.field = field;
  }

  all(): Counted[] {
    return [...this.groups.values()];
  }

  /** @returns how many bytes more the groups take */
  take(document: Buffer): number {
    const { found } = this;
    findField(document, 0, this.field, found);
    // what is missing is grouped as null
    const type = found.type === BsonType.missing || found.type === BsonType.undefined ? BsonType.null : found.type;
    const end = afterValue(document, type, found.at);
    const { last } = this;
    if (last?.type === type && isSame(last.value, document, found.at, end)) {
      last.group.count++;
      return 0;
    }
    const identity = identityOfRaw(document, type, found.at);
    const known = this.groups.get(identity);
    const group = known ?? { id: decodeValueAt(document, type, found.at, end) ?? null, count: 0 };
    group.count++;
    this.last = { group, type, value: Buffer.from(document.subarray(found.at, end)) };
    if (known) return 0;
    this.groups.set(identity, group);
    return identity.length + GROUP_BYTES;
  }
}

function isSame(value: Buffer, document: Buffer, at: number, end: number): boolean {
  return value.length === end - at && value.compare(document, at, end) === 0;
}

function resultOf({ id, count }: Counted, { name }: CountSpec): TypedDocument {
  const result: TypedDocument = { _id: id };
  setField(result, name, new Int32(count));
  return result;
}
