/** $lookup without decoding: neither the documents nor their partners become objects on their way to the reply. */
import type { Document } from 'bson';
import { BsonType, findField, type RawValue } from '../bson/raw-document.ts';
import type { RawWriter } from '../bson/raw-writer.ts';
import { giveBack, takeWriter } from '../bson/spare-writers.ts';
import { decodeTypedAt, encodeTyped } from '../bson/typed-values.ts';
import type { ResultStream } from '../commands/result-stream.ts';
import { parseLookup } from './lookup-stage.ts';
import { checkedSize, streamOf, type TypedStream } from './typed-stream.ts';

/** What a stage by itself needs of the pipeline around it. */
interface Stage {
  operand: unknown;
  /** Runs the stage's own pipeline. */
  run(from: string, pipeline: readonly Document[]): ResultStream;
  /** The stage on decoded documents: for those which have a field of the name that it sets. */
  typed(source: TypedStream): TypedStream;
}

/**
 * The stage on a raw stream, where the partners are asked for without a word about the document, and go into a field at its top.
 * @returns undefined where it is another one
 */
export function rawLookup(source: ResultStream, { operand, run, typed }: Stage): ResultStream | undefined {
  const { from, as, localField, variables, pipeline } = parseLookup(operand);
  const [name, ...deeper] = as;
  if (name === undefined || deeper.length > 0 || localField || variables.length > 0) return undefined;
  const field = Buffer.from(name);
  const found: RawValue = { type: 0, at: 0 };
  let writer: RawWriter | undefined;
  /** What was written last has been used by then. */
  const end = () => {
    if (writer) giveBack(writer);
    writer = undefined;
  };
  return {
    step: () => {
      const document = source.step();
      if (document === undefined) end();
      if (!document) return document;
      if (findField(document, 0, field, found)) return replaced(document, typed);
      writer ??= takeWriter();
      writer.length = 0;
      const result = writer.open();
      // Before the partners are read, which may take the place of these bytes.
      writer.append(document, 4, document.readInt32LE(0) - 1);
      writer.name(BsonType.array, name);
      appendAll(writer, run(from, pipeline));
      writer.close(result);
      return checkedSize(writer.view());
    },
    pause: () => source.pause(),
  };
}

function appendAll(writer: RawWriter, partners: ResultStream): void {
  const array = writer.open();
  let count = 0;
  for (let partner = partners.step(); partner !== undefined; partner = partners.step()) {
    if (!partner) continue;
    writer.index(BsonType.object, count++);
    writer.append(partner, 0, partner.readInt32LE(0));
  }
  writer.close(array);
}

function replaced(document: Buffer, typed: Stage['typed']): Buffer | null | undefined {
  const one = typed(streamOf([decodeTypedAt(document, 0)])).step();
  return one && checkedSize(encodeTyped(one));
}
