/** Streams of typed documents between the stages of a pipeline. */
import { MAX_DOCUMENT_BYTES } from '../bson/check-document.ts';
import { decodeTypedAt, encodeTyped, type TypedDocument } from '../bson/typed-values.ts';
import type { ResultStream } from '../commands/result-stream.ts';
import { ErrorCode, fail } from '../errors.ts';

/** Like DocumentCursor: a document, null for "call again", undefined at the end. */
export interface TypedStream {
  step(): TypedDocument | null | undefined;
  pause(): void;
}

/** Typed documents of a raw stream. */
export function decodeStream(source: ResultStream): TypedStream {
  return {
    step: () => {
      const document = source.step();
      return document ? decodeTypedAt(document, 0) : document;
    },
    pause: () => source.pause(),
  };
}

/** Raw documents of a typed stream; throws 10334 for one that is larger than a client can take. */
export function encodeStream(source: TypedStream): ResultStream {
  return {
    step: () => {
      const document = source.step();
      return document ? checkedSize(encodeTyped(document)) : document;
    },
    pause: () => source.pause(),
  };
}

/** The bytes of a document that a stage has made, if they are not too many for one. */
export function checkedSize(bytes: Buffer): Buffer {
  if (bytes.length <= MAX_DOCUMENT_BYTES) return bytes;
  return fail(
    ErrorCode.BSONObjectTooLarge,
    `BSONObj size: ${bytes.length} is invalid. Size must be between 0 and ${MAX_DOCUMENT_BYTES}`,
  );
}

/** A stream over a list. */
export function streamOf(documents: readonly TypedDocument[]): TypedStream {
  let next = 0;
  return { step: () => documents[next++], pause: () => {} };
}

/** One document in, any number out. */
export function flatMapStream(
  source: TypedStream,
  expand: (document: TypedDocument) => readonly TypedDocument[],
): TypedStream {
  let ready: readonly TypedDocument[] = [];
  let next = 0;
  return {
    step: () => {
      if (next < ready.length) return ready[next++];
      const document = source.step();
      if (!document) return document;
      ready = expand(document);
      next = 0;
      return next < ready.length ? ready[next++] : null;
    },
    pause: () => source.pause(),
  };
}

/** Takes in everything before the first document goes out. */
export function blockingStream(
  source: TypedStream,
  take: (document: TypedDocument) => void,
  finish: () => TypedStream,
): TypedStream {
  let result: TypedStream | undefined;
  return {
    step: () => {
      if (result) return result.step();
      const document = source.step();
      if (document) take(document);
      else if (document === undefined) result = finish();
      return null;
    },
    pause: () => (result ?? source).pause(),
  };
}

/** Reads a stream to its end at once. */
export function collect(source: TypedStream): TypedDocument[] {
  const documents: TypedDocument[] = [];
  for (let document = source.step(); document !== undefined; document = source.step()) {
    if (document) documents.push(document);
  }
  return documents;
}
