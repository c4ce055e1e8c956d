import { Decimal128, type Document, Double, Int32, Long, ObjectId, serialize } from 'bson';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilter } from './filter.ts';

const id = ObjectId.createFromHexString('0123456789abcdef01234567');
const scalars: unknown[] = [
  ...[1, new Int32(1), new Double(1), Long.fromNumber(1), Decimal128.fromString('1'), 2.5, -1, Number.NaN],
  ...['a', '', 'ab', null, undefined, true, false, id, new Date(5), /a/, { x: 1 }, { x: null }, {}],
];
const values = fc.oneof(
  fc.constantFrom(...scalars),
  fc.array(fc.constantFrom(...scalars, [1], ['a', null]), { maxLength: 3 }),
);
const names = ['a', 'b', 'ab', 'aa', 'senderId'];
const documents = fc.dictionary(fc.constantFrom(...names, 'z'), values, { maxKeys: 6 });
const operand = fc.constantFrom<unknown>(1, 'a', null, id, new Date(5), [1], [], { x: 1 }, true);
const conditions = fc.oneof(
  operand.map((value) => ({ $eq: value })),
  operand.map((value) => ({ $ne: value })),
  fc.constantFrom<Document>(
    ...[{ $exists: true }, { $exists: false }, { $gt: 0 }, { $lte: 'a' }, { $size: 1 }, { $type: 'array' }],
    ...[{ $in: [1, null] }, { $nin: ['a', id] }, { $not: { $gt: 1 } }, { $elemMatch: { $eq: 1 } }, { $all: [1, 'a'] }],
    { $regex: '^a' },
  ),
);

const bytesOf = (document: Document) => Buffer.from(serialize(document, { ignoreUndefined: false }));

describe('several fields tested in one walk', () => {
  it('are found to match where each of them does by itself', () => {
    const filters = fc.array(fc.tuple(fc.constantFrom(...names), conditions), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(documents, filters, (document, pairs) => {
        const bytes = bytesOf(document);
        const together = compileFilter({ $and: pairs.map(([name, condition]) => ({ [name]: condition })) });
        const each = pairs.map(([name, condition]) => compileFilter({ [name]: condition }));
        expect(together(bytes, 0)).toBe(each.every((test) => test(bytes, 0)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('take the first of two fields of one name', () => {
    const twice = Buffer.from(bytesOf({ a: 1, b: 2, c: 3 }));
    twice[twice.indexOf('b')] = 'a'.charCodeAt(0);
    expect(compileFilter({ a: 1, c: 3 })(twice, 0)).toBe(true);
    expect(compileFilter({ a: 2, c: 3 })(twice, 0)).toBe(false);
  });

  it('are tested beside conditions on paths and on branches', () => {
    const filter = compileFilter({ a: 1, b: { $ne: 2 }, 'c.d': 3, $or: [{ e: 4 }, { e: null }] });
    expect(filter(bytesOf({ a: 1, c: { d: 3 } }), 0)).toBe(true);
    expect(filter(bytesOf({ a: 1, c: { d: 4 } }), 0)).toBe(false);
    expect(filter(bytesOf({ a: 1, b: 2, c: { d: 3 } }), 0)).toBe(false);
    expect(filter(bytesOf({ a: 1, c: { d: 3 }, e: 5 }), 0)).toBe(false);
  });

  it('may be more than fit into one number', () => {
    const fields = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`f${i}`, i]));
    expect(compileFilter(fields)(bytesOf(fields), 0)).toBe(true);
    for (const wrong of [0, 29, 30, 60, 69])
      expect(compileFilter(fields)(bytesOf({ ...fields, [`f${wrong}`]: -1 }), 0)).toBe(false);
  });
});
