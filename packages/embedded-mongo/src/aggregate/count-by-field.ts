/** Counting by one field needs no decoded documents: a $group by a field's path that only sums constants. */
import { type Document, Int32 } from 'bson';
import { identityOfRaw } from '../bson/index-key.ts';
import { afterValue, BsonType, findField, type RawValue } from '../bson/raw-document.ts';
import { RawWriter } from '../bson/raw-writer.ts';
import { isDocument } from '../bson/typed-values.ts';
import type { ResultStream } from '../commands/result-stream.ts';
import { GROUP_BYTES, refuseLargeGroups } from './group-stage.ts';

/** Documents counted in one step at most, and milliseconds after which it ends: others wait for it. Source: a turn has 10 ms. */
const AT_ONCE = 16;
const STEP_MS = 1;
/** What a group takes here beyond `GROUP_BYTES`: its value is kept as a buffer. Source: 200,000 short texts take 260 bytes each. */
const VALUE_BYTES = 64;

/** The stage on a raw stream; undefined where it is another one. */
export function countByField(stage: Document, source: ResultStream): ResultStream | undefined {
  const spec = '$group' in stage ? specOf(stage.$group) : undefined;
  if (!spec) return undefined;
  const groups = new FieldGroups(spec.field);
  const writer = new RawWriter(128);
  let bytes = 0;
  let counted: Counted[] | undefined;
  let given = 0;
  const take = () => {
    const endsAt = performance.now() + STEP_MS;
    for (let i = 0; i < AT_ONCE; i++) {
      const document = source.step();
      if (document === undefined) counted = groups.all();
      if (!document) break;
      bytes += groups.take(document);
      refuseLargeGroups(bytes);
      if (performance.now() > endsAt) break;
    }
    return null;
  };
  return {
    step: () => {
      if (!counted) return take();
      const group = counted[given++];
      return group && writeResult(writer, group, spec.name);
    },
    pause: () => source.pause(),
  };
}

interface Counted {
  readonly type: number;
  /** The bytes of the value that was met first. */
  readonly value: Buffer;
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
  /** An index gives the documents of a group one after the other: the value is compared with that of the last group before a key is made of it. */
  private last: Counted | undefined;

  constructor(field: Buffer) {
    this.field = field;
  }

  all(): Counted[] {
    return [...this.groups.values()];
  }

  /** @returns how many bytes more the groups take */
  take(document: Buffer): number {
    const { found, last } = this;
    findField(document, 0, this.field, found);
    // what is missing is grouped as null
    const type = found.type === BsonType.missing || found.type === BsonType.undefined ? BsonType.null : found.type;
    const end = afterValue(document, type, found.at);
    if (last?.type === type && isSame(last.value, document, found.at, end)) {
      last.count++;
      return 0;
    }
    const identity = identityOfRaw(document, type, found.at);
    const known = this.groups.get(identity);
    this.last = known ?? { type, value: Buffer.from(document.subarray(found.at, end)), count: 0 };
    this.last.count++;
    if (known) return 0;
    this.groups.set(identity, this.last);
    return identity.length + GROUP_BYTES + VALUE_BYTES;
  }
}

function isSame(value: Buffer, document: Buffer, at: number, end: number): boolean {
  if (value.length !== end - at) return false;
  for (let i = 0; i < value.length; i++) if (value[i] !== document[at + i]) return false;
  return true;
}

/** The bytes are valid until the next one is written. */
function writeResult(writer: RawWriter, { type, value, count }: Counted, name: string): Buffer {
  writer.length = 0;
  const result = writer.open();
  writer.name(type, '_id');
  writer.append(value);
  writer.int(name, count);
  writer.close(result);
  return writer.view();
}
