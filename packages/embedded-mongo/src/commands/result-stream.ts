/** Results on their way to a client: filled into reply batches, with a pause now and then for the other clients. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_DOCUMENT_BYTES } from '../bson/check-document.ts';
import { BsonType } from '../bson/raw-document.ts';
import { giveBack, takeWriter } from '../bson/spare-writers.ts';
import { ErrorCode, fail } from '../errors.ts';

/** Raw documents, a step at a time; see DocumentCursor. */
export interface ResultStream {
  step(): Buffer | null | undefined;
  pause(): void;
  /** A document that was read but did not fit into the last batch. */
  held?: Buffer | undefined;
}

/** Time after which a long query lets others have their turn. */
export const TURN_MS = 10;
/** MongoDB's default size of a first batch. */
export const FIRST_BATCH = 101;
const MAX_BATCH_BYTES = MAX_DOCUMENT_BYTES;

/** Bounds a query in time and lets others have their turn. */
export class Pace {
  private readonly deadline: number;
  private turnEnds: number;
  private readonly beforeTurn: () => Promise<void> | undefined;

  /**
   * @param maxTimeMs 0 is no limit
   * @param beforeTurn waited for before each turn after the first
   */
  constructor(maxTimeMs: number, beforeTurn: () => Promise<void> | undefined = () => undefined) {
    this.beforeTurn = beforeTurn;
    const now = performance.now();
    this.deadline = maxTimeMs > 0 ? now + maxTimeMs : Number.POSITIVE_INFINITY;
    this.turnEnds = now + TURN_MS;
  }

  /** True when the turn is over; throws when the time is. */
  isOver(): boolean {
    const now = performance.now();
    if (now > this.deadline) fail(ErrorCode.MaxTimeMSExpired, 'operation exceeded time limit');
    return now > this.turnEnds;
  }

  /** Lets others run. */
  async yieldTurn(): Promise<void> {
    await nextTurn();
    await this.beforeTurn();
    this.turnEnds = performance.now() + TURN_MS;
  }
}

/** A batch of documents as the bytes of a BSON array. */
export class Batch {
  private readonly writer = takeWriter();
  private readonly opened = this.writer.open();
  count = 0;

  get size(): number {
    return this.writer.length;
  }

  append(document: Buffer): void {
    this.writer.index(BsonType.object, this.count++);
    this.writer.append(document, 0, document.readInt32LE(0));
  }

  /** Ends the batch. @param use gets the array's bytes, which the next batch overwrites */
  close<T>(use: (array: Buffer) => T): T {
    this.writer.close(this.opened);
    const used = use(this.writer.view());
    giveBack(this.writer);
    return used;
  }
}

/** Runs a step function to the end with turns for others; `use` gets each document. */
export async function drain(stream: ResultStream, pace: Pace, use: (document: Buffer) => void): Promise<void> {
  for (;;) {
    const document = stream.step();
    if (document === undefined) return;
    if (document) use(document);
    if (pace.isOver()) {
      stream.pause();
      await pace.yieldTurn();
    }
  }
}

/**
 * Fills a batch. Resolves to true when the stream is known to be at its end.
 *
 * @param limit most documents in the batch
 */
export async function fillBatch(batch: Batch, stream: ResultStream, limit: number, pace: Pace): Promise<boolean> {
  let tried = 0;
  for (;;) {
    if (batch.count >= limit && tried++ > 0) return false;
    const document = takeHeld(stream) ?? stream.step();
    if (document === undefined) return true;
    if (document) {
      const full = batch.count > 0 && batch.size + document.readInt32LE(0) > MAX_BATCH_BYTES;
      if (full || batch.count >= limit) {
        stream.held = Buffer.from(document.subarray(0, document.readInt32LE(0)));
        return false;
      }
      batch.append(document);
    }
    if (pace.isOver()) {
      stream.pause();
      await pace.yieldTurn();
    }
  }
}

function takeHeld(stream: ResultStream): Buffer | undefined {
  const { held } = stream;
  stream.held = undefined;
  return held;
}
