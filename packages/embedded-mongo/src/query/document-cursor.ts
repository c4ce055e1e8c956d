/** Executes a plan: fetch, test, sort, skip and limit on raw documents, a step at a time. */
import type { Collation } from '../bson/collation.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Collection } from '../store/collection.ts';
import type { RawMatcher } from '../store/index-definition.ts';
import type { IndexField } from '../store/index-keys.ts';
import type { KeyValueStore } from '../store/key-value-store.ts';
import type { Plan } from './planner.ts';
import { type RecordScan, scanCollection, scanIndex } from './record-scan.ts';
import { compareSortValues, SORT_LIMIT_BYTES, sortKeyOf, sortValuesOf } from './sort-order.ts';

/**
 * A source of raw documents. `step` gives a document (valid until the next step), `null` when it did some work and
 * wants to be called again, `undefined` at the end.
 */
export interface DocumentCursor {
  step(): Buffer | null | undefined;
  /** The record of the document that `step` gave last. */
  readonly record: number;
  /** Call before leaving the current turn of the event loop. */
  pause(): void;
  readonly stats: ScanStats;
}

export interface ScanStats {
  keysExamined: number;
  docsExamined: number;
}

/** Documents tested in one step. */
const STEP = 200;

/** Not the end: the client would take what it has for everything. */
const failDropped = ({ namespace }: Collection) =>
  fail(ErrorCode.QueryPlanKilled, `query plan killed: collection ${namespace} was dropped or read anew`);

/** Fetches and tests the documents of one scan. */
class FetchCursor implements DocumentCursor {
  record = 0;
  readonly stats: ScanStats = { keysExamined: 0, docsExamined: 0 };
  private readonly collection: Collection;
  private readonly scan: RecordScan;
  private readonly residual: RawMatcher | undefined;

  constructor(collection: Collection, scan: RecordScan, residual: RawMatcher | undefined) {
    this.collection = collection;
    this.scan = scan;
    this.residual = residual;
  }

  step(): Buffer | null | undefined {
    if (this.collection.dropped) failDropped(this.collection);
    for (let i = 0; i < STEP; i++) {
      const record = this.scan.next();
      this.stats.keysExamined = this.scan.keysExamined;
      if (record === undefined) return undefined;
      const document = this.collection.peek(record);
      if (!document) continue;
      this.stats.docsExamined++;
      if (this.residual && !this.residual(document, 0)) continue;
      this.record = record;
      return document;
    }
    return null;
  }

  pause(): void {
    this.scan.pause();
  }
}

/** Several cursors one after the other, each document once. */
class UnionCursor implements DocumentCursor {
  record = 0;
  private readonly cursors: DocumentCursor[];
  private readonly seen = new Set<number>();
  private current = 0;

  constructor(cursors: DocumentCursor[]) {
    this.cursors = cursors;
  }

  get stats(): ScanStats {
    return this.cursors.reduce(
      (sum, { stats }) => ({
        keysExamined: sum.keysExamined + stats.keysExamined,
        docsExamined: sum.docsExamined + stats.docsExamined,
      }),
      { keysExamined: 0, docsExamined: 0 },
    );
  }

  step(): Buffer | null | undefined {
    const cursor = this.cursors[this.current];
    if (!cursor) return undefined;
    const document = cursor.step();
    if (document === undefined) {
      this.current++;
      return null;
    }
    if (document === null || this.seen.has(cursor.record)) return null;
    this.seen.add(cursor.record);
    this.record = cursor.record;
    return document;
  }

  pause(): void {
    this.cursors[this.current]?.pause();
  }
}

interface Sortable {
  key: Buffer | unknown[];
  document: Buffer;
  record: number;
  order: number;
}

/** Sorts in memory, keeping only as many documents as a limit asks for. */
class SortCursor implements DocumentCursor {
  record = 0;
  private readonly source: DocumentCursor;
  private readonly fields: readonly IndexField[];
  private readonly collation: Collation | undefined;
  private readonly keep: number;
  private rows: Sortable[] = [];
  private bytes = 0;
  private arrived = 0;
  private position = -1;

  constructor(source: DocumentCursor, fields: readonly IndexField[], collation: Collation | undefined, keep: number) {
    this.source = source;
    this.fields = fields;
    this.collation = collation;
    this.keep = keep;
  }

  get stats(): ScanStats {
    return this.source.stats;
  }

  step(): Buffer | null | undefined {
    if (this.position === -1) return this.gather();
    const row = this.rows[this.position];
    if (!row) return undefined;
    this.rows[this.position++] = undefined as unknown as Sortable; // given away: let it go
    this.record = row.record;
    return row.document;
  }

  private gather(): null {
    const document = this.source.step();
    if (document === undefined) {
      this.trim();
      this.position = 0;
    } else if (document) this.add(document);
    return null;
  }

  private add(document: Buffer): void {
    const key = this.collation ? sortValuesOf(document, this.fields, this.collation) : sortKeyOf(document, this.fields);
    const copy = Buffer.from(document.subarray(0, document.readInt32LE(0)));
    this.rows.push({ key, document: copy, record: this.source.record, order: this.arrived++ });
    this.bytes += copy.length + 128;
    if (this.rows.length >= this.keep * 2 + 100 || this.bytes > SORT_LIMIT_BYTES) this.trim();
    if (this.bytes > SORT_LIMIT_BYTES) {
      fail(
        ErrorCode.QueryExceededMemoryLimitNoDiskUseAllowed,
        `Executor error during find command :: caused by :: Sort exceeded memory limit of ${SORT_LIMIT_BYTES} bytes, but did not opt in to external sorting.`,
      );
    }
  }

  private trim(): void {
    const { collation } = this;
    this.rows.sort((a, b) => {
      const order = collation
        ? compareSortValues(a.key as unknown[], b.key as unknown[], this.fields, collation)
        : Buffer.compare(a.key as Buffer, b.key as Buffer);
      return order || a.order - b.order;
    });
    if (this.rows.length <= this.keep) return;
    this.rows.length = this.keep;
    this.bytes = this.rows.reduce((sum, row) => sum + row.document.length + 128, 0);
  }

  pause(): void {
    this.source.pause();
  }
}

/** Skips and limits. */
class WindowCursor implements DocumentCursor {
  private readonly source: DocumentCursor;
  private skip: number;
  private left: number;

  constructor(source: DocumentCursor, skip: number, limit: number) {
    this.source = source;
    this.skip = skip;
    this.left = limit;
  }

  get record(): number {
    return this.source.record;
  }

  get stats(): ScanStats {
    return this.source.stats;
  }

  step(): Buffer | null | undefined {
    if (this.left === 0) return undefined;
    const document = this.source.step();
    if (!document) return document;
    if (this.skip > 0) {
      this.skip--;
      return null;
    }
    this.left--;
    return document;
  }

  pause(): void {
    this.source.pause();
  }
}

export interface CursorOptions {
  readonly sort?: readonly IndexField[] | undefined;
  readonly collation?: Collation | undefined;
  readonly skip?: number;
  /** 0 is no limit. */
  readonly limit?: number;
}

/** A cursor over the documents of a plan. */
export function openCursor(
  store: KeyValueStore,
  collection: Collection,
  plan: Plan,
  options: CursorOptions,
): DocumentCursor {
  const skip = options.skip ?? 0;
  const limit = options.limit || Number.POSITIVE_INFINITY;
  let cursor = openPlan(store, collection, plan);
  if (options.sort && !plan.sorted) cursor = new SortCursor(cursor, options.sort, options.collation, skip + limit);
  if (skip > 0 || limit !== Number.POSITIVE_INFINITY) cursor = new WindowCursor(cursor, skip, limit);
  return cursor;
}

function openPlan(store: KeyValueStore, collection: Collection, plan: Plan): DocumentCursor {
  if (plan.kind === 'union') return new UnionCursor(plan.plans.map((branch) => openPlan(store, collection, branch)));
  const scan = plan.kind === 'index' ? scanIndex(store, plan) : scanCollection(store, collection, plan);
  return new FetchCursor(collection, scan, plan.residual);
}

/** A cursor without documents: a collection that does not exist. */
export function emptyCursor(): DocumentCursor {
  return { step: () => undefined, record: 0, pause: () => {}, stats: { keysExamined: 0, docsExamined: 0 } };
}
