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
  const groups = new Map<string, Counted>();
  const place: RawValue = { type: 0, at: 0 };
  let bytes = 0;
  let result: TypedStream | undefined;
  return {
    step: () => {
      if (result) return result.step();
      const document = source.step();
      if (document) bytes += take(groups, document, spec.field, place);
      else if (document === undefined) result = streamOf([...groups.values()].map((group) => resultOf(group, spec)));
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

/** @returns how many bytes more the groups take */
function take(groups: Map<string, Counted>, document: Buffer, field: Buffer, found: RawValue): number {
  findField(document, 0, field, found);
  // what is missing is grouped as null
  const type = found.type === BsonType.missing || found.type === BsonType.undefined ? BsonType.null : found.type;
  const identity = identityOfRaw(document, type, found.at);
  const group = groups.get(identity);
  if (group) {
    group.count++;
    return 0;
  }
  const id = decodeValueAt(document, type, found.at, afterValue(document, type, found.at)) ?? null;
  groups.set(identity, { id, count: 1 });
  return identity.length + GROUP_BYTES;
}

function resultOf({ id, count }: Counted, { name }: CountSpec): TypedDocument {
  const result: TypedDocument = { _id: id };
  setField(result, name, new Int32(count));
  return result;
}
