/** Cursors that clients have not read to the end. */
import { randomBytes } from 'node:crypto';
import { ErrorCode, fail } from '../errors.ts';
import type { ResultStream } from './result-stream.ts';

interface OpenCursor {
  readonly namespace: string;
  readonly stream: ResultStream;
  usedAt: number;
  busy: boolean;
}

/** More open cursors than this are refused: each one may hold a sorted result. */
const MAX_CURSORS = 10_000;

export class OpenCursors {
  private readonly cursors = new Map<bigint, OpenCursor>();
  private readonly timeoutMs: number;
  private readonly timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.timer = setInterval(() => this.expire(), Math.max(50, Math.min(timeoutMs / 2, 30_000)));
    this.timer.unref();
  }

  get size(): number {
    return this.cursors.size;
  }

  /** Keeps a stream and returns its id. */
  add(namespace: string, stream: ResultStream): bigint {
    if (this.cursors.size >= MAX_CURSORS) fail(ErrorCode.InternalError, `too many open cursors (${MAX_CURSORS})`);
    const id = randomBytes(8).readBigInt64BE() & 0x7fffffffffffffffn;
    this.cursors.set(id, { namespace, stream, usedAt: performance.now(), busy: false });
    return id;
  }

  /** The stream of a cursor, taken out of reach of the timeout until `give back`. */
  take(id: bigint, namespace: string): ResultStream {
    const cursor = this.cursors.get(id);
    if (!cursor) return fail(ErrorCode.CursorNotFound, `cursor id ${id} not found`);
    if (cursor.namespace !== namespace) {
      fail(
        13,
        `Requested getMore on namespace '${namespace}', but cursor belongs to a different namespace ${cursor.namespace}`,
      );
    }
    if (cursor.busy) fail(12051, `cursor id ${id} is already in use`);
    cursor.busy = true;
    return cursor.stream;
  }

  /** Ends a use of a cursor. */
  release(id: bigint): void {
    const cursor = this.cursors.get(id);
    if (!cursor) return;
    cursor.busy = false;
    cursor.usedAt = performance.now();
  }

  /** Forgets a cursor; false when there was none. */
  remove(id: bigint): boolean {
    return this.cursors.delete(id);
  }

  private expire(): void {
    const limit = performance.now() - this.timeoutMs;
    for (const [id, cursor] of this.cursors) if (!cursor.busy && cursor.usedAt < limit) this.cursors.delete(id);
  }

  close(): void {
    clearInterval(this.timer);
    this.cursors.clear();
  }
}
