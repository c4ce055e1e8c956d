import { Binary, Decimal128, Double, Long, MaxKey, MinKey, Timestamp } from 'bson';
import { type ConformanceCase, objectId } from '../case-format.ts';

const mixed = [
  { _id: 1, v: new MaxKey() },
  { _id: 2, v: 'b' },
  { _id: 3, v: new Double(1.5) },
  { _id: 4, v: null },
  { _id: 5, v: new MinKey() },
  { _id: 6, v: true },
  { _id: 7, v: { a: 1 } },
  { _id: 8, v: objectId(7) },
  { _id: 9, v: new Date(5) },
  { _id: 10, v: Long.fromNumber(1) },
  { _id: 11, v: new Binary(Buffer.from('x'), 0) },
  { _id: 12, v: new Timestamp({ t: 1, i: 0 }) },
  { _id: 13, v: false },
  { _id: 14, v: 'a' },
  { _id: 15, v: Decimal128.fromString('1.25') },
  { _id: 16, v: -3 },
];
const mixedOrder = [5, 4, 16, 10, 15, 3, 14, 2, 7, 11, 8, 13, 6, 9, 12, 1];

const arrays = [
  { _id: 1, v: [3, 9] },
  { _id: 2, v: 4 },
  { _id: 3, v: [] },
  { _id: 4, v: [5] },
  { _id: 5 },
  { _id: 6, v: [1, 20] },
];

const people = [
  { _id: 1, n: 'b', g: 2 },
  { _id: 2, n: 'a', g: 2 },
  { _id: 3, n: 'a', g: 1 },
  { _id: 4, n: 'c', g: 1 },
];

const words = [
  { _id: 1, w: 'banana' },
  { _id: 2, w: 'Apple' },
  { _id: 3, w: 'apple' },
  { _id: 4, w: 'äpple' },
  { _id: 5, w: 'Banana' },
  { _id: 6, w: 'cherry' },
];

const ids = (list: readonly number[]) => list.map((_id) => ({ _id }));
const find = (extra: object) => ({ find: 'C', projection: { _id: 1 }, ...extra });

export const sorting: ConformanceCase[] = [
  { name: 'sort: all types in order', documents: mixed, command: find({ sort: { v: 1 } }), result: ids(mixedOrder) },
  {
    name: 'sort: all types descending',
    documents: mixed,
    command: find({ sort: { v: -1 } }),
    result: ids([...mixedOrder].reverse()),
  },
  {
    name: 'sort: all types in order of an index',
    documents: mixed,
    before: [{ createIndexes: 'C', indexes: [{ key: { v: 1 }, name: 'v' }] }],
    command: find({ sort: { v: 1 }, hint: 'v' }),
    result: ids(mixedOrder),
  },
  {
    name: 'sort: backwards over a descending index',
    documents: mixed,
    before: [{ createIndexes: 'C', indexes: [{ key: { v: -1 }, name: 'v' }] }],
    command: find({ sort: { v: 1 }, hint: 'v' }),
    result: ids(mixedOrder),
  },
  {
    name: 'sort: arrays by their least element',
    documents: arrays,
    command: find({ sort: { v: 1 } }),
    result: ids([3, 5, 6, 1, 2, 4]),
  },
  {
    name: 'sort: arrays descending by their greatest element',
    documents: arrays,
    command: find({ sort: { v: -1, _id: 1 } }),
    result: ids([6, 1, 4, 2, 5, 3]),
  },
  { name: 'sort: two fields', documents: people, command: find({ sort: { g: 1, n: -1 } }), result: ids([4, 3, 1, 2]) },
  {
    name: 'sort: two fields and skip, limit',
    documents: people,
    command: find({ sort: { n: 1, g: 1 }, skip: 1, limit: 2 }),
    result: ids([2, 1]),
  },
  {
    name: 'sort: on a missing field keeps all',
    documents: people,
    command: find({ sort: { zz: 1, _id: -1 } }),
    result: ids([4, 3, 2, 1]),
  },
  {
    name: 'sort: by id descending',
    documents: people,
    command: find({ sort: { _id: -1 } }),
    result: ids([4, 3, 2, 1]),
  },
  {
    name: 'find: natural order is the order of insertion',
    documents: [{ _id: 3 }, { _id: 1 }, { _id: 2 }],
    command: find({}),
    result: ids([3, 1, 2]),
  },
  {
    name: 'find: limit 0 is no limit',
    documents: people,
    command: find({ limit: 0, sort: { _id: 1 } }),
    result: ids([1, 2, 3, 4]),
  },
  { name: 'find: skip past the end', documents: people, command: find({ skip: 10 }), result: [] },
  {
    name: 'find: singleBatch closes the cursor',
    documents: people,
    command: find({ singleBatch: true, batchSize: 2, sort: { _id: 1 } }),
    reply: { cursor: { id: Long.ZERO } },
  },
  { name: 'find: no collection is no documents', command: { find: 'C' }, result: [] },
  {
    name: 'collation: strength 1 ignores case and accents',
    documents: words,
    command: find({ filter: { w: 'apple' }, collation: { locale: 'en', strength: 1 }, sort: { _id: 1 } }),
    result: ids([2, 3, 4]),
  },
  {
    name: 'collation: strength 2 ignores case',
    documents: words,
    command: find({ filter: { w: 'apple' }, collation: { locale: 'en', strength: 2 }, sort: { _id: 1 } }),
    result: ids([2, 3]),
  },
  {
    name: 'collation: strength 3 tells all apart',
    documents: words,
    command: find({ filter: { w: 'apple' }, collation: { locale: 'en', strength: 3 } }),
    result: ids([3]),
  },
  {
    name: 'collation: simple is the order of bytes',
    documents: words,
    command: find({ sort: { w: 1 }, collation: { locale: 'simple' } }),
    result: ids([2, 5, 3, 1, 6, 4]),
  },
  {
    name: 'collation: sort in language order',
    documents: words,
    command: find({ sort: { w: 1 }, collation: { locale: 'en' } }),
    result: ids([3, 2, 4, 1, 5, 6]),
  },
  {
    name: 'collation: sort by strength 1 keeps equals together',
    documents: words,
    command: find({ sort: { w: 1, _id: 1 }, collation: { locale: 'en', strength: 1 } }),
    result: ids([2, 3, 4, 1, 5, 6]),
  },
  {
    name: 'collation: range',
    documents: words,
    command: find({ filter: { w: { $lt: 'b' } }, collation: { locale: 'en', strength: 1 }, sort: { _id: 1 } }),
    result: ids([2, 3, 4]),
  },
  {
    name: 'collation: $in',
    documents: words,
    command: find({ filter: { w: { $in: ['BANANA'] } }, collation: { locale: 'en', strength: 2 }, sort: { _id: 1 } }),
    result: ids([1, 5]),
  },
  {
    name: 'collation: $ne',
    documents: words,
    command: find({ filter: { w: { $ne: 'APPLE' } }, collation: { locale: 'en', strength: 1 }, sort: { _id: 1 } }),
    result: ids([1, 5, 6]),
  },
  {
    name: 'collation: count',
    documents: words,
    command: { count: 'C', query: { w: 'APPLE' }, collation: { locale: 'en', strength: 2 } },
    reply: { n: 2 },
  },
  {
    name: 'collation: distinct',
    documents: words,
    command: { distinct: 'C', key: 'w', collation: { locale: 'en', strength: 1 } },
    reply: { values: ['banana', 'Apple', 'cherry'] },
  },
  {
    name: 'collation: does not use the order of a simple index',
    documents: words,
    before: [{ createIndexes: 'C', indexes: [{ key: { w: 1 }, name: 'w' }] }],
    command: find({ filter: { w: 'APPLE' }, collation: { locale: 'en', strength: 2 }, sort: { _id: 1 } }),
    result: ids([2, 3]),
  },
  {
    name: 'collation: group',
    documents: words,
    command: {
      aggregate: 'C',
      pipeline: [
        { $group: { _id: '$w', n: { $sum: 1 } } },
        { $match: { n: { $gt: 1 } } },
        { $project: { _id: 0, n: 1 } },
        { $sort: { n: 1 } },
      ],
      cursor: {},
      collation: { locale: 'en', strength: 1 },
    },
    result: [{ n: 2 }, { n: 3 }],
  },
  {
    name: 'collation: unknown locale',
    documents: words,
    command: find({ collation: { locale: 'nonsense' } }),
    error: 2,
  },
  {
    name: 'collation: locale is required',
    documents: words,
    command: find({ collation: { strength: 1 } }),
    error: 40414,
  },
];
