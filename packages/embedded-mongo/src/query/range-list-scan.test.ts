import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeListScan } from './range-list-scan.ts';
import type { ScanRange } from './scan-ranges.ts';

const keyOf = (place: number): Buffer => {
  const key = Buffer.alloc(8);
  key.writeUInt16BE(place);
  key.writeUIntBE(place, 2, 6);
  return key;
};
const placeOf = (bound: Buffer) => bound.readUInt16BE(0);

/** A tree of one key per place; counts the cursors and the keys that they read. */
function treeOf(places: Set<number>) {
  const read = { cursors: 0, keys: 0 };
  function* keys(lower: Buffer, upper: Buffer): Iterable<Buffer> {
    read.cursors++;
    const sorted = [...places].map(keyOf).toSorted(Buffer.compare);
    for (const key of sorted.filter((k) => k.compare(lower) >= 0 && k.compare(upper) < 0)) {
      read.keys++;
      yield key;
    }
  }
  function* entries(lower: Buffer, upper: Buffer): Iterable<{ key: Buffer; value: Buffer }> {
    for (const key of keys(lower, upper)) yield { key, value: key.subarray(2) };
  }
  return { read, scanKeys: keys, scanEntries: entries };
}

const rangeOf = (from: number, to: number): ScanRange => {
  const [lower, upper] = [Buffer.alloc(2), Buffer.alloc(2)];
  lower.writeUInt16BE(from);
  upper.writeUInt16BE(to);
  return { lower, upper, prefixLength: 2, whole: false };
};

function drain(scan: RangeListScan, pauseEvery = Number.POSITIVE_INFINITY): number[] {
  const records: number[] = [];
  for (let record = scan.next(); record !== undefined; record = scan.next()) {
    records.push(record);
    if (records.length % pauseEvery === 0) scan.pause();
  }
  return records;
}

const everything = Array.from({ length: 3_000 }, (_, i) => i);

describe('a scan of many ranges', () => {
  it('reads neighbours with one cursor', () => {
    const tree = treeOf(new Set(everything));
    const ranges = Array.from({ length: 200 }, (_, i) => rangeOf(i * 4, i * 4 + 2));
    const expected = everything.slice(0, 800).filter((place) => place % 4 < 2);
    expect(drain(new RangeListScan(tree, ranges, false))).toEqual(expected);
    // chunks of 64, 128 and 256
    expect(tree.read.cursors).toBeLessThan(5);
  });

  it('gives up passing over what lies between ranges that are far apart', () => {
    const tree = treeOf(new Set(everything));
    const ranges = Array.from({ length: 30 }, (_, i) => rangeOf(i * 100, i * 100 + 3));
    expect(drain(new RangeListScan(tree, ranges, true))).toHaveLength(90);
    expect(tree.read.keys).toBeLessThan(90 + 8 + 4 + 2 + 1 + 30);
    expect(tree.read.cursors).toBe(30);
  });

  it('gives each record of the ranges once and in order, wherever it is paused', () => {
    const places = fc.uniqueArray(fc.nat({ max: 400 }), { maxLength: 200 });
    const bounds = fc.uniqueArray(fc.nat({ max: 420 }), { minLength: 4, maxLength: 80 });
    const property = fc.property(
      places,
      bounds,
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      (set, cuts, every, unique) => {
        const sorted = cuts.toSorted((a, b) => a - b);
        const ranges = sorted.flatMap((from, i) =>
          i % 2 === 0 && sorted[i + 1] ? [rangeOf(from, sorted[i + 1]!)] : [],
        );
        const isIn = (place: number) => ranges.some((r) => place >= placeOf(r.lower) && place < placeOf(r.upper));
        const expected = set.filter(isIn).toSorted((a, b) => a - b);
        const scan = new RangeListScan(treeOf(new Set(set)), ranges, unique);
        expect(drain(scan, every)).toEqual(expected);
        expect(scan.keysExamined).toBe(expected.length);
        expect(scan.next()).toBeUndefined();
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('sees what was written behind its last key while it was paused', () => {
    const places = new Set([1, 2, 50]);
    const ranges = Array.from({ length: 20 }, (_, i) => rangeOf(i * 10, i * 10 + 5));
    const scan = new RangeListScan(treeOf(places), ranges, false);
    expect(scan.next()).toBe(1);
    scan.pause();
    places.delete(2);
    places.add(3).add(31);
    expect(drain(scan)).toEqual([3, 31, 50]);
  });
});
