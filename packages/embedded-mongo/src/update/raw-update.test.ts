import { BSONRegExp, Decimal128, type Document, Double, EJSON, Int32, Long, MaxKey, MinKey, ObjectId } from 'bson';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documents, update } from '../../conformance/random-values.ts';
import { decodeTyped, encodeTyped } from '../bson/typed-values.ts';
import { MongoError } from '../errors.ts';
import { compileUpdate } from './compile-update.ts';

const OPTIONS = {
  compilePipeline: () => {
    throw new Error('no pipeline here');
  },
};
const TARGET = { isInsert: false, now: new Date(0), positional: () => 0 };
const compiled = (change: Document) => compileUpdate(decodeTyped(encodeTyped(change)), OPTIONS);

/** The bytes that come out, or the error. */
function outcomeOf(make: () => Buffer | undefined): string {
  try {
    const bytes = make();
    return bytes ? bytes.toString('hex') : 'not of this form';
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

function both(before: Document, change: Document) {
  const bytes = encodeTyped(before);
  const { raw, apply } = compiled(change);
  return {
    raw: outcomeOf(() => raw?.(bytes)),
    general: outcomeOf(() => encodeTyped(apply(decodeTyped(bytes), TARGET))),
  };
}

const id = new Int32(1);
const dated = { at: new Date(5), list: [new Int32(1), { x: 'y' }], text: 'ä', none: null, flag: true };

describe('an update of the bytes', () => {
  it.each<[string, Document, Document]>([
    [
      'sets in place and appends in order of the names',
      { _id: id, b: id, z: 'x' },
      { $set: { y: id, b: 'longer', a: null } },
    ],
    ['sets documents and arrays whole', { _id: id, a: [id] }, { $set: { a: { deep: [{ b: id }] }, c: [] } }],
    ['unsets what is there and what is not', { _id: id, a: id, b: id, c: id }, { $unset: { a: '', c: '', d: '' } }],
    ['empties a document but for its id', { _id: id, a: id }, { $unset: { a: '' } }],
    ['adds ints', { _id: id, n: new Int32(7) }, { $inc: { n: new Int32(-9), fresh: new Int32(2) } }],
    ['adds two counters at once', { _id: id, n: new Int32(7), m: new Int32(1) }, { $inc: { n: id, m: new Int32(5) } }],
    ['widens an int to a long', { _id: id, n: new Int32(2_147_483_647) }, { $inc: { n: id } }],
    ['keeps longs and doubles', { _id: id, n: Long.fromNumber(4), d: new Double(0.5) }, { $inc: { n: id, d: id } }],
    ['adds decimals', { _id: id, n: Decimal128.fromString('1.10') }, { $inc: { n: new Int32(1) } }],
    ['refuses a sum past 64 bits', { _id: id, n: Long.MAX_VALUE }, { $inc: { n: id } }],
    ['refuses to add to what is no number', { _id: new ObjectId('0'.repeat(24)), n: 'x' }, { $inc: { n: id } }],
    ['refuses to add to null', { _id: id, n: null }, { $inc: { n: id } }],
    ['raises', { _id: id, n: new Int32(3), m: new Int32(9) }, { $max: { n: new Int32(4), m: new Int32(4), o: id } }],
    ['lowers', { _id: id, n: new Int32(3), m: new Int32(9) }, { $min: { n: new Int32(4), m: new Double(4), o: id } }],
    ['keeps the type of an equal number', { _id: id, n: new Int32(3) }, { $max: { n: new Double(3) } }],
    [
      'orders by type',
      { _id: id, n: 'text', m: null, o: dated },
      { $max: { n: new Int32(4), m: new MinKey(), o: new MaxKey() } },
    ],
    [
      'takes all operators together',
      { _id: id, ...dated, n: id },
      { $set: { text: 'b' }, $unset: { none: '' }, $inc: { n: id }, $max: { m: id } },
    ],
    ['does nothing of $setOnInsert', { _id: id, a: id }, { $set: { b: id }, $setOnInsert: { a: new Int32(5), c: id } }],
    [
      'leaves regular expressions and the like as they are',
      { _id: id, r: new BSONRegExp('a', 'i'), a: id },
      { $set: { a: new BSONRegExp('b', '') } },
    ],
    ['takes __proto__ for a name', { _id: id, a: id }, { $set: { ['__proto__']: id } }],
    [
      'knows a name from its beginning',
      { _id: id, ab: id, a: id, abc: id },
      { $set: { ab: 'x' }, $unset: { abc: '' } },
    ],
  ])('%s', (_title, before, change) => {
    const { raw, general } = both(before, change);
    expect(raw).toBe(general);
  });

  it.each<[string, Document]>([
    ['paths', { $set: { 'a.b': id } }],
    ['positions', { $set: { 'a.$[]': id } }],
    ['the id', { $set: { _id: id } }],
    ['names that are numbers', { $set: { 5: id } }],
    ['other operators', { $push: { a: id } }],
    ['one other operator among them', { $set: { b: id }, $mul: { a: id } }],
    ['replacements', { a: id }],
  ])('is not made for %s', (_title, change) => {
    expect(compiled(change).raw).toBeUndefined();
  });

  it('is not made for a collation, which orders texts otherwise', () => {
    const collation = { compareText: () => 0 } as never;
    expect(compileUpdate({ $max: { a: 'x' } }, { ...OPTIONS, collation }).raw).toBeUndefined();
  });

  it('leaves a document that has the name twice to the general way', () => {
    const bytes = encodeTyped({ _id: id, a: id, b: id });
    bytes[bytes.lastIndexOf('b')] = 'a'.charCodeAt(0);
    expect(compiled({ $set: { a: 'x' } }).raw?.(bytes)).toBeUndefined();
    expect(compiled({ $set: { c: 'x' } }).raw?.(bytes)).toBeDefined();
  });

  it('keeps the order of names that are numbers', () => {
    const inner = Buffer.from(encodeTyped({ b: id, x: id }));
    inner[inner.lastIndexOf('x')] = '1'.charCodeAt(0);
    const after = compiled({ $set: { a: id } }).raw?.(inner);
    expect(after?.subarray(4, inner.length - 1)).toEqual(inner.subarray(4, -1));
  });

  it('does what the general way does, whatever document and update', () => {
    let made = 0;
    const property = fc.property(documents, update, update, (list, first, second) => {
      const changes = [first, { ...second, ...first }];
      for (const change of changes) {
        let raw: boolean;
        try {
          raw = compiled(change).raw !== undefined;
        } catch (error) {
          expect(error).toBeInstanceOf(MongoError); // the two name the same field
          continue;
        }
        if (!raw) continue;
        for (const before of list) {
          const outcome = both(before, change);
          expect(outcome.raw, EJSON.stringify({ before, change })).toBe(outcome.general);
          made++;
        }
      }
    });
    fc.assert(property, { numRuns: 2_000, seed: 1 });
    expect(made).toBeGreaterThan(5_000);
  });
});
