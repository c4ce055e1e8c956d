/** Replies that carry a batch of a cursor. */
import { BsonType } from '../bson/raw-document.ts';
import { RawWriter } from '../bson/raw-writer.ts';
import type { Engine } from '../engine.ts';
import { Batch, FIRST_BATCH, fillBatch, type Pace, type ResultStream } from './result-stream.ts';

/** `{ cursor: { <batchName>: [...], id, ns }, ok: 1 }`, from the bytes of the batch. */
export function cursorReply(
  batchName: 'firstBatch' | 'nextBatch',
  batch: Batch,
  id: bigint,
  namespace: string,
): Buffer {
  return batch.close((documents) => replyWith(documents, batchName, id, namespace));
}

function replyWith(documents: Buffer, batchName: string, id: bigint, namespace: string): Buffer {
  const writer = new RawWriter(documents.length + namespace.length * 3 + 128);
  const reply = writer.open();
  writer.name(BsonType.object, 'cursor');
  const cursor = writer.open();
  writer.name(BsonType.array, batchName);
  writer.append(documents);
  writer.long('id', id);
  writer.text('ns', namespace);
  writer.close(cursor);
  writer.double('ok', 1);
  writer.close(reply);
  return writer.view();
}

/** Answers with the first batch; what is left stays open as a cursor unless the client wants no more. */
export async function firstBatchReply(
  engine: Engine,
  namespace: string,
  stream: ResultStream,
  batchSize: number | undefined,
  singleBatch: boolean,
  pace: Pace,
): Promise<Buffer> {
  const batch = new Batch();
  const done = batchSize === 0 ? false : await fillBatch(batch, stream, batchSize ?? FIRST_BATCH, pace);
  stream.pause();
  const id = done || singleBatch ? 0n : engine.cursors.add(namespace, stream);
  return cursorReply('firstBatch', batch, id, namespace);
}
