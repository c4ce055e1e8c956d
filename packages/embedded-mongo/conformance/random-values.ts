/** Random documents, filters, sorts and updates over the BSON types that a chat stores. */
import { Binary, type Document, Double, Int32, Long } from 'bson';
import fc from 'fast-check';
import { objectId } from './case-format.ts';

const FIELDS = ['a', 'b', 'c'] as const;
const PATHS = ['a', 'b', 'c', 'c.a', 'c.b', 'b.a'] as const;

const int = fc.integer({ min: -3, max: 6 }).map((n) => new Int32(n));
const long = fc.integer({ min: -3, max: 6 }).map((n) => Long.fromNumber(n));
const double = fc.constantFrom(-1.5, 0, 0.5, 1, 2, 2.5, 1e10).map((n) => new Double(n));
const text = fc.constantFrom('', 'a', 'ab', 'b', 'B', 'ä', 'zz');
const scalar = fc.oneof(
  int,
  long,
  double,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: 0, max: 3 }).map(objectId),
  fc.integer({ min: 0, max: 3 }).map((n) => new Date(n * 1000)),
  fc.integer({ min: 0, max: 2 }).map((n) => new Binary(Buffer.from([n]), 0)),
);

const inner = fc.record({ a: scalar, b: scalar }, { requiredKeys: [] });
/** Not empty: servers differ on where an empty array sorts; the suite has cases for it. */
const array = fc.array(fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: inner }), {
  minLength: 1,
  maxLength: 3,
});
const value = fc.oneof(
  { weight: 5, arbitrary: scalar },
  { weight: 2, arbitrary: array },
  { weight: 2, arbitrary: inner },
);

/** Up to 12 documents with `_id` 0, 1, 2 ... */
export const documents: fc.Arbitrary<Document[]> = fc
  .array(fc.record({ a: value, b: value, c: value }, { requiredKeys: [] }), { minLength: 1, maxLength: 12 })
  .map((list) => list.map((document, i) => ({ _id: new Int32(i), ...document })));

/** Operands that all servers take alike: no null (which every server bounds in its own way), no arrays. */
const comparable = scalar.filter((operand) => operand !== null);

const condition: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  comparable.map(($gt) => ({ $gt })),
  comparable.map(($gte) => ({ $gte })),
  comparable.map(($lt) => ({ $lt })),
  comparable.map(($lte) => ({ $lte })),
  fc.tuple(comparable, comparable).map(([$gt, $lte]) => ({ $gt, $lte })),
  scalar.map(($ne) => ({ $ne })),
  fc.array(scalar, { maxLength: 3 }).map(($in) => ({ $in })),
  fc.array(scalar, { maxLength: 3 }).map(($nin) => ({ $nin })),
  fc.boolean().map(($exists) => ({ $exists })),
  fc.integer({ min: 0, max: 3 }).map(($size) => ({ $size })),
  fc
    .constantFrom('int', 'long', 'double', 'string', 'objectId', 'date', 'bool', 'null', 'array', 'object', 'binData')
    .map(($type) => ({ $type })),
  comparable.map(($gt) => ({ $not: { $gt } })),
  comparable.map(($gte) => ({ $elemMatch: { $gte } })),
);

const fieldFilter: fc.Arbitrary<Document> = fc
  .tuple(fc.constantFrom(...PATHS), condition)
  .map(([path, test]) => ({ [path]: test }));

/** One or two conditions, or a combination of several. */
export const filter: fc.Arbitrary<Document> = fc.oneof(
  fc.constant({}),
  fieldFilter,
  fc.tuple(fieldFilter, fieldFilter).map(([x, y]) => ({ ...x, ...y })),
  fc.array(fieldFilter, { minLength: 1, maxLength: 3 }).map(($or) => ({ $or })),
  fc.array(fieldFilter, { minLength: 1, maxLength: 3 }).map(($and) => ({ $and })),
  fc.array(fieldFilter, { minLength: 1, maxLength: 2 }).map(($nor) => ({ $nor })),
  fc.tuple(fieldFilter, fc.array(fieldFilter, { minLength: 1, maxLength: 2 })).map(([x, $or]) => ({ ...x, $or })),
);

/** Ends with `_id`, so that the order is total. One other field: two may hold arrays side by side, which is an error. */
export const sort: fc.Arbitrary<Document> = fc
  .tuple(fc.subarray([...FIELDS], { maxLength: 1 }), fc.constantFrom(1, -1))
  .map(([fields, direction]) => Object.fromEntries([...fields.map((field) => [field, direction]), ['_id', 1]]));

/** Sets of indexes. */
export const indexes: fc.Arbitrary<Document[]> = fc.array(
  fc.oneof(
    fc
      .constantFrom<Document>(
        { a: 1 },
        { a: -1 },
        { b: 1 },
        { a: 1, c: 1 },
        { a: 1, c: -1 },
        { b: -1, a: 1 },
        { 'c.a': 1 },
        { c: 1, _id: -1 },
      )
      .map((key) => ({ key })),
    fc.constantFrom<Document>({ a: 1 }, { b: 1, c: -1 }).map((key) => ({ key, sparse: true })),
    fc
      .constantFrom<Document>({ a: 1 }, { c: 1 })
      .map((key) => ({ key, partialFilterExpression: { a: { $exists: true } } })),
  ),
  { minLength: 1, maxLength: 3 },
);

const number = fc.oneof(int, long, double);

/** One operator on one path, of a kind that does not fail on most documents. */
export const update: fc.Arbitrary<Document> = fc.oneof(
  fc.tuple(fc.constantFrom(...FIELDS), value).map(([path, v]) => ({ $set: { [path]: v } })),
  fc.tuple(fc.constantFrom('d.x', 'd.y.z'), value).map(([path, v]) => ({ $set: { [path]: v } })),
  fc.constantFrom(...FIELDS, 'd.x').map((path) => ({ $unset: { [path]: '' } })),
  fc.tuple(fc.constantFrom(...FIELDS), number).map(([path, v]) => ({ $inc: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), number).map(([path, v]) => ({ $mul: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), scalar).map(([path, v]) => ({ $max: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), scalar).map(([path, v]) => ({ $min: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), scalar).map(([path, v]) => ({ $push: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), scalar).map(([path, v]) => ({ $addToSet: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), scalar).map(([path, v]) => ({ $pull: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), comparable).map(([path, $gte]) => ({ $pull: { [path]: { $gte } } })),
  fc.tuple(fc.constantFrom(...FIELDS), fc.constantFrom(1, -1)).map(([path, v]) => ({ $pop: { [path]: v } })),
  fc.tuple(fc.constantFrom(...FIELDS), fc.constantFrom('d', 'e')).map(([path, to]) => ({ $rename: { [path]: to } })),
);
