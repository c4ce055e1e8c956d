// biome-ignore-all lint/suspicious/noThenProperty: the name that $cond and $switch give it

import { Decimal128, type Document, Double, Long } from 'bson';
import { type ConformanceCase, errorCases, expressionCases, objectId, pipelineCases } from '../case-format.ts';
import { sales } from './sales.ts';

const id = { $project: { _id: 1 } };

export const aggregation: ConformanceCase[] = [
  ...pipelineCases('stage', sales, [
    ['empty pipeline', [], sales],
    ['$match', [{ $match: { item: 'a' } }, id], [{ _id: 1 }, { _id: 3 }]],
    [
      '$match after another stage',
      [{ $project: { t: '$qty' } }, { $match: { t: { $gt: 2 } } }],
      [
        { _id: 3, t: 5 },
        { _id: 4, t: 3 },
      ],
    ],
    ['$sort', [{ $sort: { qty: -1 } }, id], [{ _id: 3 }, { _id: 4 }, { _id: 1 }, { _id: 2 }]],
    [
      '$sort after a stage',
      [{ $project: { qty: 1 } }, { $sort: { qty: 1 } }, id],
      [{ _id: 2 }, { _id: 1 }, { _id: 4 }, { _id: 3 }],
    ],
    ['$limit', [{ $sort: { _id: 1 } }, { $limit: 2 }, id], [{ _id: 1 }, { _id: 2 }]],
    ['$skip', [{ $sort: { _id: 1 } }, { $skip: 3 }, id], [{ _id: 4 }]],
    ['$limit before $skip', [{ $sort: { _id: 1 } }, { $limit: 3 }, { $skip: 2 }, id], [{ _id: 3 }]],
    ['$count', [{ $match: { qty: { $gte: 2 } } }, { $count: 'n' }], [{ n: 3 }]],
    ['$count of nothing', [{ $match: { qty: 99 } }, { $count: 'n' }], []],
    ['$project inclusion', [{ $match: { _id: 1 } }, { $project: { item: 1 } }], [{ _id: 1, item: 'a' }]],
    [
      '$project exclusion',
      [{ $match: { _id: 1 } }, { $project: { tags: 0, price: 0 } }],
      [{ _id: 1, item: 'a', qty: 2 }],
    ],
    [
      '$project computed',
      [{ $match: { _id: 1 } }, { $project: { _id: 0, total: { $multiply: ['$qty', '$price'] } } }],
      [{ total: new Double(3) }],
    ],
    [
      '$project nested',
      [{ $match: { _id: 1 } }, { $project: { _id: 0, o: { q: '$qty', i: '$item' } } }],
      [{ o: { q: 2, i: 'a' } }],
    ],
    ['$project array', [{ $match: { _id: 1 } }, { $project: { _id: 0, l: ['$qty', '$missing'] } }], [{ l: [2, null] }]],
    ['$project of a missing field', [{ $match: { _id: 1 } }, { $project: { _id: 0, m: '$missing' } }], [{}]],
    [
      '$addFields',
      [
        { $match: { _id: 2 } },
        { $addFields: { twice: { $multiply: ['$qty', 2] } } },
        { $project: { twice: 1, qty: 1 } },
      ],
      [{ _id: 2, qty: 1, twice: 2 }],
    ],
    [
      '$set replaces',
      [{ $match: { _id: 2 } }, { $set: { qty: 'none' } }, { $project: { qty: 1 } }],
      [{ _id: 2, qty: 'none' }],
    ],
    [
      '$addFields nested',
      [{ $match: { _id: 2 } }, { $addFields: { 'o.p': 1 } }, { $project: { o: 1 } }],
      [{ _id: 2, o: { p: 1 } }],
    ],
    ['$unset', [{ $match: { _id: 4 } }, { $unset: ['price', 'qty'] }], [{ _id: 4, item: 'c' }]],
    ['$replaceRoot', [{ $match: { _id: 1 } }, { $replaceRoot: { newRoot: { n: '$item' } } }], [{ n: 'a' }]],
    [
      '$replaceWith',
      [{ $match: { _id: 1 } }, { $replaceWith: { $mergeObjects: [{ z: 1 }, { q: '$qty' }] } }],
      [{ z: 1, q: 2 }],
    ],
    [
      '$unwind',
      [{ $match: { _id: { $lte: 3 } } }, { $unwind: '$tags' }, { $project: { tags: 1 } }],
      [
        { _id: 1, tags: 'x' },
        { _id: 1, tags: 'y' },
        { _id: 3, tags: 'y' },
      ],
    ],
    [
      '$unwind preserving',
      [{ $unwind: { path: '$tags', preserveNullAndEmptyArrays: true } }, { $project: { tags: 1 } }],
      [{ _id: 1, tags: 'x' }, { _id: 1, tags: 'y' }, { _id: 2 }, { _id: 3, tags: 'y' }, { _id: 4 }],
    ],
    [
      '$unwind with index',
      [{ $match: { _id: 1 } }, { $unwind: { path: '$tags', includeArrayIndex: 'i' } }, { $project: { tags: 1, i: 1 } }],
      [
        { _id: 1, tags: 'x', i: Long.fromNumber(0) },
        { _id: 1, tags: 'y', i: Long.fromNumber(1) },
      ],
    ],
    [
      '$unwind of a scalar',
      [{ $match: { _id: 1 } }, { $unwind: '$item' }, { $project: { item: 1 } }],
      [{ _id: 1, item: 'a' }],
    ],
    [
      '$group sums',
      [{ $group: { _id: '$item', n: { $sum: '$qty' } } }, { $sort: { _id: 1 } }],
      [
        { _id: 'a', n: 7 },
        { _id: 'b', n: 1 },
        { _id: 'c', n: 3 },
      ],
    ],
    ['$group counts', [{ $group: { _id: null, n: { $sum: 1 } } }], [{ _id: null, n: 4 }]],
    [
      '$group $count',
      [{ $group: { _id: '$item', n: { $count: {} } } }, { $sort: { _id: 1 } }],
      [
        { _id: 'a', n: 2 },
        { _id: 'b', n: 1 },
        { _id: 'c', n: 1 },
      ],
    ],
    [
      '$group by a document',
      [{ $group: { _id: { i: '$item' }, n: { $sum: 1 } } }, { $sort: { '_id.i': 1 } }],
      [
        { _id: { i: 'a' }, n: 2 },
        { _id: { i: 'b' }, n: 1 },
        { _id: { i: 'c' }, n: 1 },
      ],
    ],
    ['$group $avg', [{ $group: { _id: null, v: { $avg: '$qty' } } }], [{ _id: null, v: new Double(2.75) }]],
    [
      '$group $avg ignores null',
      [{ $group: { _id: null, v: { $avg: '$price' } } }],
      [{ _id: null, v: new Double(4.5) }],
    ],
    [
      '$group $min and $max',
      [{ $group: { _id: null, lo: { $min: '$qty' }, hi: { $max: '$qty' } } }],
      [{ _id: null, lo: 1, hi: 5 }],
    ],
    [
      '$group $max ignores null',
      [{ $group: { _id: null, hi: { $max: '$price' }, lo: { $min: '$price' } } }],
      [{ _id: null, hi: new Double(10), lo: new Double(1.5) }],
    ],
    [
      '$group $first and $last',
      [{ $sort: { _id: 1 } }, { $group: { _id: null, f: { $first: '$item' }, l: { $last: '$item' } } }],
      [{ _id: null, f: 'a', l: 'c' }],
    ],
    [
      '$group $push',
      [{ $sort: { _id: 1 } }, { $group: { _id: '$item', l: { $push: '$qty' } } }, { $sort: { _id: 1 } }],
      [
        { _id: 'a', l: [2, 5] },
        { _id: 'b', l: [1] },
        { _id: 'c', l: [3] },
      ],
    ],
    [
      '$group $addToSet',
      [{ $match: { item: 'a' } }, { $group: { _id: null, s: { $addToSet: '$item' } } }],
      [{ _id: null, s: ['a'] }],
    ],
    ['$group sum of double', [{ $group: { _id: null, v: { $sum: '$price' } } }], [{ _id: null, v: new Double(13.5) }]],
    ['$group of nothing', [{ $match: { _id: 99 } }, { $group: { _id: null, n: { $sum: 1 } } }], []],
    [
      '$group $mergeObjects',
      [
        { $match: { item: 'a' } },
        { $sort: { _id: 1 } },
        { $group: { _id: null, m: { $mergeObjects: { q: '$qty' } } } },
      ],
      [{ _id: null, m: { q: 5 } }],
    ],
    ['$sortByCount', [{ $sortByCount: '$item' }, { $limit: 1 }], [{ _id: 'a', count: 2 }]],
    [
      '$facet',
      [{ $facet: { n: [{ $count: 'c' }], top: [{ $sort: { qty: -1 } }, { $limit: 1 }, id] } }],
      [{ n: [{ c: 4 }], top: [{ _id: 3 }] }],
    ],
    ['$facet of nothing', [{ $match: { _id: 99 } }, { $facet: { n: [{ $count: 'c' }] } }], [{ n: [] }]],
    [
      '$bucket',
      [{ $bucket: { groupBy: '$qty', boundaries: [0, 3, 10], output: { n: { $sum: 1 } } } }],
      [
        { _id: 0, n: 2 },
        { _id: 3, n: 2 },
      ],
    ],
  ]),
  ...countCases(),
  ...pipelineCases(
    '$group of rows to watermarks',
    [
      { _id: 1, c: 'x', d: 3, r: 1, at: 2, marks: [] },
      { _id: 2, c: 'x', d: Long.fromNumber(4), at: 5 },
      { _id: 3, c: 'y', d: 1, r: 1, at: 0, marks: ['t'] },
      { _id: 4, c: 'y', d: 1, r: 1, marks: [] },
      { _id: 5, c: 'z' },
    ],
    [
      [
        'sums and greatest values, of arrays too',
        [
          {
            $group: {
              _id: '$c',
              d: { $sum: '$d' },
              r: { $sum: '$r' },
              at: { $max: '$at' },
              marks: { $max: '$marks' },
            },
          },
          { $sort: { _id: 1 } },
        ],
        [
          { _id: 'x', d: Long.fromNumber(7), r: 1, at: 5, marks: [] },
          { _id: 'y', d: 2, r: 2, at: 0, marks: ['t'] },
          { _id: 'z', d: 0, r: 0, at: null, marks: null },
        ],
      ],
    ],
  ),
  ...expressionCases(
    'arithmetic',
    { a: 7, b: 2, d: new Double(2.5), n: null, l: Long.fromNumber(5), t: new Date(1000) },
    [
      ['$add', { $add: ['$a', '$b'] }, 9],
      ['$add with a double', { $add: ['$a', '$d'] }, new Double(9.5)],
      ['$add with a long', { $add: ['$a', '$l'] }, Long.fromNumber(12)],
      ['$add null', { $add: ['$a', '$n'] }, null],
      ['$add missing', { $add: ['$a', '$zz'] }, null],
      ['$add to a date', { $add: ['$t', 500] }, new Date(1500)],
      ['$add past 32 bits', { $add: [2147483647, 1] }, Long.fromString('2147483648')],
      ['$subtract', { $subtract: ['$a', '$b'] }, 5],
      ['$subtract dates', { $subtract: ['$t', new Date(400)] }, Long.fromNumber(600)],
      ['$multiply', { $multiply: ['$a', '$b'] }, 14],
      ['$divide is a double', { $divide: [8, 2] }, new Double(4)],
      ['$mod', { $mod: ['$a', '$b'] }, 1],
      ['$abs', { $abs: -3 }, 3],
      ['$ceil', { $ceil: '$d' }, new Double(3)],
      ['$floor', { $floor: '$d' }, new Double(2)],
      ['$round half to even', { $round: '$d' }, new Double(2)],
      ['$round with places', { $round: [new Double(1.237), 2] }, new Double(1.24)],
      ['$trunc', { $trunc: new Double(-2.7) }, new Double(-2)],
      ['$pow', { $pow: [2, 10] }, 1024],
      ['$sqrt', { $sqrt: 16 }, new Double(4)],
      ['$sum of a list', { $sum: ['$a', '$b', '$n'] }, 9],
      ['$max of a list', { $max: ['$a', '$b'] }, 7],
      ['decimal', { $add: [Decimal128.fromString('0.1'), Decimal128.fromString('0.2')] }, Decimal128.fromString('0.3')],
    ],
  ),
  ...expressionCases('condition', { a: 7, b: 2, n: null, s: 'x' }, [
    ['$eq', { $eq: ['$a', 7] }, true],
    ['$eq over number types', { $eq: ['$a', new Double(7)] }, true],
    ['$ne', { $ne: ['$a', 7] }, false],
    ['$gt', { $gt: ['$a', '$b'] }, true],
    ['$gt orders types', { $gt: ['$s', '$a'] }, true],
    ['$lte', { $lte: ['$a', '$b'] }, false],
    ['$cmp', { $cmp: ['$b', '$a'] }, -1],
    ['$and', { $and: ['$a', true] }, true],
    ['$and with zero', { $and: ['$a', 0] }, false],
    ['$or', { $or: ['$n', '$zz'] }, false],
    ['$not', { $not: ['$n'] }, true],
    ['$cond list', { $cond: [{ $gt: ['$a', 5] }, 'big', 'small'] }, 'big'],
    ['$cond document', { $cond: { if: '$n', then: 1, else: 2 } }, 2],
    ['$ifNull', { $ifNull: ['$n', 'none'] }, 'none'],
    ['$ifNull of several', { $ifNull: ['$n', '$zz', 3] }, 3],
    [
      '$switch',
      {
        $switch: {
          branches: [
            { case: { $lt: ['$a', 5] }, then: 'lo' },
            { case: true, then: 'hi' },
          ],
        },
      },
      'hi',
    ],
    ['$switch default', { $switch: { branches: [{ case: false, then: 1 }], default: 9 } }, 9],
    ['missing is less than null', { $lt: ['$zz', null] }, true],
  ]),
  ...expressionCases(
    'array',
    {
      l: [3, 1, 2],
      e: [],
      r: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
      n: null,
    },
    [
      ['$size', { $size: '$l' }, 3],
      ['$arrayElemAt', { $arrayElemAt: ['$l', 0] }, 3],
      ['$arrayElemAt from the end', { $arrayElemAt: ['$l', -1] }, 2],
      ['$arrayElemAt outside', { $arrayElemAt: ['$l', 9] }, undefined],
      ['$first', { $first: '$l' }, 3],
      ['$last', { $last: '$l' }, 2],
      ['$concatArrays', { $concatArrays: ['$l', [9]] }, [3, 1, 2, 9]],
      ['$concatArrays null', { $concatArrays: ['$l', '$n'] }, null],
      ['$filter', { $filter: { input: '$l', as: 'x', cond: { $gt: ['$$x', 1] } } }, [3, 2]],
      ['$map', { $map: { input: '$l', as: 'x', in: { $multiply: ['$$x', 10] } } }, [30, 10, 20]],
      ['$map with this', { $map: { input: '$r', in: '$$this.v' } }, [1, 2]],
      ['$reduce', { $reduce: { input: '$l', initialValue: 0, in: { $add: ['$$value', '$$this'] } } }, 6],
      ['$in', { $in: [1, '$l'] }, true],
      ['$in not', { $in: [5, '$l'] }, false],
      ['$indexOfArray', { $indexOfArray: ['$l', 2] }, 2],
      ['$isArray', { $isArray: '$l' }, true],
      ['$slice', { $slice: ['$l', 2] }, [3, 1]],
      ['$slice from the end', { $slice: ['$l', -2] }, [1, 2]],
      ['$slice with position', { $slice: ['$l', 1, 1] }, [1]],
      ['$range', { $range: [0, 5, 2] }, [0, 2, 4]],
      ['$reverseArray', { $reverseArray: '$l' }, [2, 1, 3]],
      ['$sortArray', { $sortArray: { input: '$l', sortBy: 1 } }, [1, 2, 3]],
      ['$arrayToObject', { $arrayToObject: '$r' }, { a: 1, b: 2 }],
      ['$objectToArray', { $objectToArray: { $literal: { x: 1 } } }, [{ k: 'x', v: 1 }]],
      [
        '$zip',
        {
          $zip: {
            inputs: [
              [1, 2],
              ['a', 'b'],
            ],
          },
        },
        [
          [1, 'a'],
          [2, 'b'],
        ],
      ],
      ['$setIsSubset', { $setIsSubset: [[1], '$l'] }, true],
      ['$setEquals', { $setEquals: ['$l', [1, 2, 3]] }, true],
      ['$anyElementTrue', { $anyElementTrue: [[0, 1]] }, true],
      ['$allElementsTrue', { $allElementsTrue: [[0, 1]] }, false],
      ['path through an array', '$r.v', [1, 2]],
      ['$max of an array', { $max: '$l' }, 3],
      ['$avg of an array', { $avg: '$l' }, new Double(2)],
      ['$mergeObjects', { $mergeObjects: [{ a: 1 }, { b: 2 }] }, { a: 1, b: 2 }],
      ['$let', { $let: { vars: { x: 2 }, in: { $add: ['$$x', 1] } } }, 3],
      ['$getField', { $getField: { field: 'k', input: { $first: '$r' } } }, 'a'],
    ],
  ),
  ...expressionCases(
    'text',
    { s: 'Hello', p: 'a,b', o: objectId(255), d: new Date(86_400_000), i: 5, f: new Double(2.5) },
    [
      ['$concat', { $concat: ['$s', '!'] }, 'Hello!'],
      ['$concat null', { $concat: ['$s', null] }, null],
      ['$toUpper', { $toUpper: '$s' }, 'HELLO'],
      ['$toLower', { $toLower: '$s' }, 'hello'],
      ['$substrCP', { $substrCP: ['$s', 1, 3] }, 'ell'],
      ['$strLenCP', { $strLenCP: '$s' }, 5],
      ['$split', { $split: ['$p', ','] }, ['a', 'b']],
      ['$trim', { $trim: { input: '  x ' } }, 'x'],
      ['$indexOfCP', { $indexOfCP: ['$s', 'l'] }, 2],
      ['$replaceAll', { $replaceAll: { input: '$p', find: ',', replacement: '-' } }, 'a-b'],
      ['$regexMatch', { $regexMatch: { input: '$s', regex: '^he', options: 'i' } }, true],
      ['$strcasecmp', { $strcasecmp: ['$s', 'HELLO'] }, 0],
      ['$toString of an id', { $toString: '$o' }, '0000000000000000000000ff'],
      ['$toString of a number', { $toString: '$f' }, '2.5'],
      ['$toInt', { $toInt: '42' }, 42],
      ['$toLong', { $toLong: '$i' }, Long.fromNumber(5)],
      ['$toDouble', { $toDouble: '$i' }, new Double(5)],
      ['$toBool', { $toBool: '$i' }, true],
      ['$toDate', { $toDate: Long.fromNumber(1000) }, new Date(1000)],
      ['$toObjectId', { $toObjectId: '0000000000000000000000ff' }, objectId(255)],
      ['$convert onError', { $convert: { input: 'x', to: 'int', onError: -1 } }, -1],
      ['$type', { $type: '$i' }, 'int'],
      ['$type of missing', { $type: '$zz' }, 'missing'],
      ['$year', { $year: '$d' }, 1970],
      ['$dayOfMonth', { $dayOfMonth: '$d' }, 2],
      ['$dateToString', { $dateToString: { date: '$d', format: '%Y-%m-%d' } }, '1970-01-02'],
      ['$dateAdd', { $dateAdd: { startDate: '$d', unit: 'day', amount: 1 } }, new Date(172_800_000)],
      ['$literal', { $literal: '$s' }, '$s'],
      ['$isNumber', { $isNumber: '$i' }, true],
    ],
  ),
  ...errorCases('pipeline error', sales, [
    ['unknown stage', { aggregate: 'C', pipeline: [{ $nonsense: 1 }], cursor: {} }, 40324],
    ['two fields in a stage', { aggregate: 'C', pipeline: [{ $match: {}, $limit: 1 }], cursor: {} }, 40323],
    ['$limit 0', { aggregate: 'C', pipeline: [{ $limit: 0 }], cursor: {} }, 15958],
    ['$group without _id', { aggregate: 'C', pipeline: [{ $group: { n: { $sum: 1 } } }], cursor: {} }, 15955],
    [
      'unknown accumulator',
      { aggregate: 'C', pipeline: [{ $group: { _id: null, n: { $nonsense: 1 } } }], cursor: {} },
      15952,
    ],
    ['unknown expression', { aggregate: 'C', pipeline: [{ $project: { x: { $nonsense: 1 } } }], cursor: {} }, 168],
    ['$divide by zero', { aggregate: 'C', pipeline: [{ $project: { x: { $divide: ['$qty', 0] } } }], cursor: {} }, 2],
    ['$add text', { aggregate: 'C', pipeline: [{ $project: { x: { $add: ['$item', 1] } } }], cursor: {} }, 14],
    ['$unwind without $', { aggregate: 'C', pipeline: [{ $unwind: 'tags' }], cursor: {} }, 28818],
    ['$count of an empty name', { aggregate: 'C', pipeline: [{ $count: '' }], cursor: {} }, 40156],
    [
      '$replaceRoot with text',
      { aggregate: 'C', pipeline: [{ $replaceRoot: { newRoot: '$item' } }], cursor: {} },
      40228,
    ],
    ['undefined variable', { aggregate: 'C', pipeline: [{ $project: { x: '$$zz' } }], cursor: {} }, 17276],
    ['$size of text', { aggregate: 'C', pipeline: [{ $project: { x: { $size: '$item' } } }], cursor: {} }, 17124],
    ['$project of nothing', { aggregate: 'C', pipeline: [{ $project: {} }], cursor: {} }, 51272],
    ['pipeline is no array', { aggregate: 'C', pipeline: {}, cursor: {} }, 14],
    [
      '$lookup without as',
      { aggregate: 'C', pipeline: [{ $lookup: { from: 'D', localField: 'a', foreignField: 'b' } }], cursor: {} },
      9,
    ],
  ]),
];

/** Counts over several ranges of one index, as unread messages are counted: numbers of all types, overlaps, arrays, nothing found. */
function countCases(): ConformanceCase[] {
  const documents = [
    { _id: 1, c: 'x', seq: 1, by: 'ann', gone: null },
    { _id: 2, c: 'x', seq: 2, by: 'bob', gone: null },
    { _id: 3, c: 'x', seq: Long.fromNumber(3), by: 'bob', gone: null, void: true },
    { _id: 4, c: 'x', seq: new Double(4), by: 'bob', gone: null, for: ['ann', 'cy'] },
    { _id: 5, c: 'x', seq: 5, by: 'bob', gone: new Date(0) },
    { _id: 6, c: 'x', seq: 6, by: 'bob', gone: null, for: ['cy'] },
    { _id: 7, c: 'y', seq: 1, by: 'bob', gone: null, text: 'long' },
    { _id: 8, c: 'y', seq: 2, by: 'cy', gone: null },
    { _id: 9, c: 'z', seq: 9, by: 'bob', gone: null },
  ];
  const before = [{ createIndexes: 'C', indexes: [{ key: { c: 1, seq: 1 }, name: 'c_seq', unique: true }] }];
  const visible = { by: { $ne: 'ann' }, gone: null, void: { $exists: false }, for: { $ne: 'ann' } };
  const counted = (name: string, ranges: Document[], result: Document[]): ConformanceCase => ({
    name: `counts over ranges: ${name}`,
    documents,
    before,
    command: {
      aggregate: 'C',
      pipeline: [
        { $match: { $or: ranges, ...visible } },
        { $group: { _id: '$c', n: { $sum: 1 } } },
        { $sort: { _id: 1 } },
      ],
      cursor: {},
    },
    result,
  });
  return [
    counted(
      'of several groups',
      [
        { c: 'x', seq: { $gt: 0 } },
        { c: 'y', seq: { $gt: 1 } },
        { c: 'z', seq: { $gt: 9 } },
      ],
      [
        { _id: 'x', n: 2 },
        { _id: 'y', n: 1 },
      ],
    ),
    counted(
      'that overlap',
      [
        { c: 'x', seq: { $gt: 4 } },
        { c: 'x', seq: { $gt: 1, $lt: 6 } },
      ],
      [{ _id: 'x', n: 2 }],
    ),
    counted('of one', [{ c: 'y', seq: { $gt: 0 } }], [{ _id: 'y', n: 2 }]),
    counted('where there is nothing', [{ c: 'none', seq: { $gt: 0 } }], []),
  ];
}
