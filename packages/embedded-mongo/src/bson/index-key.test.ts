import { Binary, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'bson';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareValues, identityOf, KeyWriter } from './index-key.ts';
import { ENCODED_VALUE_AT, encodeValue } from './typed-values.ts';

/** One value of each kind, in MongoDB's order; those in one list are equal. */
const ORDERED: unknown[][] = [
  [new MinKey()],
  [null],
  [new Double(Number.NaN), Decimal128.fromString('NaN')],
  [new Double(Number.NEGATIVE_INFINITY)],
  [Long.MIN_VALUE],
  [Long.fromString('-9007199254740993')],
  [new Double(-9007199254740992), Long.fromString('-9007199254740992')],
  [new Double(-1.5), Decimal128.fromString('-1.5')],
  [new Double(-0), new Int32(0), Long.ZERO, Decimal128.fromString('0')],
  [Decimal128.fromString('0.1')],
  [new Double(0.1)],
  [new Int32(1), new Double(1), Long.ONE, Decimal128.fromString('1.0')],
  [new Double(9007199254740992)],
  [Long.fromString('9007199254740993')],
  [Long.MAX_VALUE],
  [new Double(2 ** 63)],
  [new Double(Number.POSITIVE_INFINITY)],
  [''],
  ['a'],
  ['a\0'],
  ['a\0b'],
  ['ab'],
  ['b'],
  ['ä'],
  [{}],
  [{ a: 1 }, { a: new Double(1) }],
  [{ a: 1, b: 1 }],
  [{ b: 1 }],
  [{ a: 'x' }],
  [[]],
  [[1]],
  [[1, 2]],
  [[2]],
  [new Binary(Buffer.from([9]), 0)],
  [new Binary(Buffer.from([1]), 5)],
  [new Binary(Buffer.from([1, 1]), 0)],
  [new ObjectId('00'.repeat(12))],
  [new ObjectId('ff'.repeat(12))],
  [false],
  [true],
  [new Date(-1)],
  [new Date(0)],
  [new Timestamp({ t: 1, i: 2 })],
  [new Timestamp({ t: 2, i: 1 })],
  [/a/],
  [/b/],
  [new MaxKey()],
];

function descendingKey(value: unknown): Buffer {
  const bytes = encodeValue(value);
  const writer = new KeyWriter();
  writer.value(bytes, bytes[4]!, ENCODED_VALUE_AT, true);
  return writer.copy();
}

describe('index keys', () => {
  it('order all types as MongoDB does', () => {
    for (const [i, group] of ORDERED.entries()) {
      for (const a of group) {
        for (const b of group) expect(compareValues(a, b), `${String(a)} = ${String(b)}`).toBe(0);
        for (const later of ORDERED.slice(i + 1).flat()) {
          expect(Math.sign(compareValues(a, later)), `${JSON.stringify(a)} < ${JSON.stringify(later)}`).toBe(-1);
        }
      }
    }
  });

  it('order backwards when descending', () => {
    const values = ORDERED.map(([first]) => first);
    for (let i = 1; i < values.length; i++) {
      expect(Buffer.compare(descendingKey(values[i - 1]), descendingKey(values[i]))).toBe(1);
    }
  });

  it('order numbers by value whatever their type', () => {
    const asInt = (n: number) => new Int32(n);
    const property = fc.property(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.double({ noNaN: true }),
      (n, d) => {
        expect(Math.sign(compareValues(asInt(n), new Double(d)))).toBe(Math.sign(n - d) || 0);
      },
    );
    fc.assert(property, { numRuns: 500, seed: 1 });
  });

  it('order longs exactly', () => {
    const property = fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      (a, b) => {
        expect(Math.sign(compareValues(Long.fromBigInt(a), Long.fromBigInt(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      },
    );
    fc.assert(property, { numRuns: 500, seed: 1 });
  });

  it('order text by its UTF-8 bytes', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareValues(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    });
    fc.assert(property, { numRuns: 500, seed: 1 });
  });

  it('are equal for equal values only', () => {
    expect(identityOf({ a: [1, 'x'] })).toBe(identityOf({ a: [new Double(1), 'x'] }));
    expect(identityOf({ a: 1, b: 2 })).not.toBe(identityOf({ b: 2, a: 1 }));
  });
});
