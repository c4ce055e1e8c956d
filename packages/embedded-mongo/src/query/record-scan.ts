/**
 * Walks ranges of keys a chunk at a time. Between turns of the event loop a scan holds nothing but its last key: no
 * LMDB snapshot stays open (which would keep old pages from being reused), and what is read next is current.
 */
import type { Collection } from '../store/collection.ts';
import { afterTree, type KeyValueStore, treePrefix } from '../store/key-value-store.ts';
import type { IndexPlan, ScanPlan } from './planner.ts';
import { RangeListScan } from './range-list-scan.ts';
import type { ScanRange } from './scan-ranges.ts';

/** Yields record numbers in the order of a plan. */
export interface RecordScan {
  /** The next record, or undefined at the end. */
  next(): number | undefined;
  /** Drops what was read ahead; call before control leaves the current turn. */
  pause(): void;
  keysExamined: number;
}

const FIRST_CHUNK = 64;
const MAX_CHUNK = 512;

interface Entry {
  key: Buffer;
  record: number;
}

/** Walks one range; a building block of the scans below. */
class RangeWalk {
  private readonly store: KeyValueStore;
  private readonly range: ScanRange;
  private readonly reverse: boolean;
  private readonly recordInValue: boolean;
  private chunk: Entry[] = [];
  private position = 0;
  private chunkSize = FIRST_CHUNK;
  private last: Buffer | undefined;
  private ended = false;

  constructor(store: KeyValueStore, range: ScanRange, reverse: boolean, recordInValue: boolean) {
    this.store = store;
    this.range = range;
    this.reverse = reverse;
    this.recordInValue = recordInValue;
  }

  /** The entry that `advance` will pass, or undefined at the end. */
  peek(): Entry | undefined {
    if (this.position === this.chunk.length && !this.ended) this.fill();
    return this.chunk[this.position];
  }

  advance(): void {
    this.last = this.chunk[this.position]?.key;
    this.position++;
  }

  pause(): void {
    if (this.chunk.length === 0) return;
    this.chunk = [];
    this.position = 0;
    this.ended = false;
  }

  private fill(): void {
    const { lower, upper } = this.range;
    let start = this.reverse ? upper : lower;
    if (this.last) start = this.reverse ? this.last : Buffer.concat([this.last, ZERO]);
    const limits = { lower: this.reverse ? lower : start, upper: this.reverse ? start : upper };
    this.chunk = this.read(limits.lower, limits.upper);
    this.position = 0;
    this.ended = this.chunk.length < this.chunkSize;
    this.chunkSize = Math.min(this.chunkSize * 2, MAX_CHUNK);
  }

  private read(lower: Buffer, upper: Buffer): Entry[] {
    const chunk: Entry[] = [];
    if (this.recordInValue) {
      for (const { key, value } of this.store.scanEntries(lower, upper, this.reverse, this.chunkSize)) {
        chunk.push({ key, record: value.readUIntBE(0, 6) });
      }
    } else {
      for (const key of this.store.scanKeys(lower, upper, this.reverse, this.chunkSize)) {
        chunk.push({ key, record: key.readUIntBE(key.length - 6, 6) });
      }
    }
    return chunk;
  }
}

const ZERO = Buffer.from([0]);

/** Ranges one after the other. */
class SequentialScan implements RecordScan {
  keysExamined = 0;
  private readonly walks: RangeWalk[];
  private current = 0;

  constructor(walks: RangeWalk[]) {
    this.walks = walks;
  }

  next(): number | undefined {
    for (; this.current < this.walks.length; this.current++) {
      const walk = this.walks[this.current]!;
      const entry = walk.peek();
      if (!entry) continue;
      walk.advance();
      this.keysExamined++;
      return entry.record;
    }
    return undefined;
  }

  pause(): void {
    this.walks[this.current]?.pause();
  }
}

/** Ranges side by side, always taking the entry that sorts first behind each range's own prefix. */
class MergeScan implements RecordScan {
  keysExamined = 0;
  private readonly walks: { walk: RangeWalk; prefixLength: number }[];
  private readonly direction: number;

  constructor(walks: { walk: RangeWalk; prefixLength: number }[], reverse: boolean) {
    this.walks = walks;
    this.direction = reverse ? -1 : 1;
  }

  next(): number | undefined {
    let best: { walk: RangeWalk; entry: Entry; prefixLength: number } | undefined;
    for (const { walk, prefixLength } of this.walks) {
      const entry = walk.peek();
      if (!entry) continue;
      if (!best || this.order(entry, prefixLength, best) < 0) best = { walk, entry, prefixLength };
    }
    if (!best) return undefined;
    best.walk.advance();
    this.keysExamined++;
    return best.entry.record;
  }

  private order(entry: Entry, prefixLength: number, best: { entry: Entry; prefixLength: number }): number {
    const { key } = best.entry;
    return this.direction * entry.key.compare(key, best.prefixLength, key.length, prefixLength, entry.key.length);
  }

  pause(): void {
    for (const { walk } of this.walks) walk.pause();
  }
}

/** Passes each record once. */
class DistinctScan implements RecordScan {
  private readonly source: RecordScan;
  private readonly seen: Set<number>;

  constructor(source: RecordScan, seen: Set<number> = new Set()) {
    this.source = source;
    this.seen = seen;
  }

  get keysExamined(): number {
    return this.source.keysExamined;
  }

  next(): number | undefined {
    for (let record = this.source.next(); record !== undefined; record = this.source.next()) {
      if (this.seen.has(record)) continue;
      this.seen.add(record);
      return record;
    }
    return undefined;
  }

  pause(): void {
    this.source.pause();
  }
}

/** Whole keys of a unique index: each is looked up, without a cursor. */
class KeyScan implements RecordScan {
  keysExamined = 0;
  private readonly store: KeyValueStore;
  private readonly ranges: readonly ScanRange[];
  private current = 0;

  constructor(store: KeyValueStore, ranges: readonly ScanRange[]) {
    this.store = store;
    this.ranges = ranges;
  }

  next(): number | undefined {
    while (this.current < this.ranges.length) {
      const record = this.store.peek(this.ranges[this.current++]!.lower);
      if (!record) continue;
      this.keysExamined++;
      return record.readUIntBE(0, 6);
    }
    return undefined;
  }

  pause(): void {}
}

/** Records of an index plan. */
export function scanIndex(store: KeyValueStore, plan: IndexPlan): RecordScan {
  const scan = scanRanges(store, plan);
  return plan.dedupe ? new DistinctScan(scan) : scan;
}

function scanRanges(store: KeyValueStore, plan: IndexPlan): RecordScan {
  const { index, ranges } = plan;
  const mustMerge = plan.merge && ranges.length > 1;
  if (index.unique && !mustMerge && ranges.every(({ whole }) => whole))
    return new KeyScan(store, plan.reverse ? ranges.toReversed() : ranges);
  if (ranges.length > 1 && !plan.reverse && !mustMerge) return new RangeListScan(store, ranges, index.unique);
  const walks = plan.ranges.map((range) => ({
    walk: new RangeWalk(store, range, plan.reverse, plan.index.unique),
    prefixLength: range.prefixLength,
  }));
  if (plan.reverse) walks.reverse();
  return mustMerge ? new MergeScan(walks, plan.reverse) : new SequentialScan(walks.map(({ walk }) => walk));
}

/** All records in the order of insertion. */
export function scanCollection(
  store: KeyValueStore,
  collection: Collection,
  plan: Pick<ScanPlan, 'reverse'>,
): RecordScan {
  const range = {
    lower: treePrefix(collection.treeId),
    upper: afterTree(collection.treeId),
    prefixLength: 4,
    whole: false,
  };
  const scan = new SequentialScan([new RangeWalk(store, range, plan.reverse, false)]);
  return {
    next: () => scan.next(),
    pause: () => scan.pause(),
    keysExamined: 0,
  };
}
