import type { Document } from 'bson';
import { type ConformanceCase, errorCases } from '../case-format.ts';

const document = { _id: 1, a: 1, b: 'x', c: { d: 1, e: 2 }, l: [1, 2, 3, 4], r: [{ p: 1, q: 1 }, { p: 2, q: 2 }, 7] };

const rows: [string, Document, Document][] = [
  ['inclusion', { a: 1 }, { _id: 1, a: 1 }],
  ['inclusion with true', { a: true, b: true }, { _id: 1, a: 1, b: 'x' }],
  ['without _id', { _id: 0, a: 1 }, { a: 1 }],
  ['only _id', { _id: 1 }, { _id: 1 }],
  ['exclusion', { c: 0, l: 0, r: 0 }, { _id: 1, a: 1, b: 'x' }],
  [
    'exclusion of _id only',
    { _id: 0 },
    { a: 1, b: 'x', c: { d: 1, e: 2 }, l: [1, 2, 3, 4], r: [{ p: 1, q: 1 }, { p: 2, q: 2 }, 7] },
  ],
  ['exclusion with _id kept', { _id: 1, c: 0, l: 0, r: 0 }, { _id: 1, a: 1, b: 'x' }],
  ['dotted inclusion', { 'c.d': 1 }, { _id: 1, c: { d: 1 } }],
  ['dotted inclusion through an array', { 'r.p': 1 }, { _id: 1, r: [{ p: 1 }, { p: 2 }] }],
  ['dotted inclusion through a scalar', { 'a.x': 1 }, { _id: 1 }],
  ['dotted exclusion', { 'c.d': 0, l: 0, r: 0 }, { _id: 1, a: 1, b: 'x', c: { e: 2 } }],
  ['dotted exclusion through an array', { 'r.p': 0, l: 0, c: 0 }, { _id: 1, a: 1, b: 'x', r: [{ q: 1 }, { q: 2 }, 7] }],
  ['nested inclusion', { c: { e: 1 } }, { _id: 1, c: { e: 2 } }],
  ['a missing field', { zz: 1 }, { _id: 1 }],
  ['fields keep the order of the document', { b: 1, a: 1 }, { _id: 1, a: 1, b: 'x' }],
  ['empty projection', {}, document],
  ['$slice keeps the other fields', { l: { $slice: 2 }, r: 0, c: 0 }, { _id: 1, a: 1, b: 'x', l: [1, 2] }],
  ['$slice from the end', { l: { $slice: -1 }, r: 0, c: 0 }, { _id: 1, a: 1, b: 'x', l: [4] }],
  ['$slice with skip', { l: { $slice: [1, 2] }, r: 0, c: 0 }, { _id: 1, a: 1, b: 'x', l: [2, 3] }],
  ['$slice with inclusion', { l: { $slice: 1 }, a: 1 }, { _id: 1, a: 1, l: [1] }],
  ['$elemMatch', { r: { $elemMatch: { p: 2 } } }, { _id: 1, r: [{ p: 2, q: 2 }] }],
  ['$elemMatch without a match', { r: { $elemMatch: { p: 9 } }, a: 1 }, { _id: 1, a: 1 }],
  ['expression', { a: 1, sum: { $add: ['$a', 10] } }, { _id: 1, a: 1, sum: 11 }],
  ['field path', { _id: 0, other: '$b' }, { other: 'x' }],
  ['literal text', { _id: 0, t: { $literal: 'y' } }, { t: 'y' }],
  ['expression replaces a field', { _id: 0, a: { $concat: ['$b', '!'] } }, { a: 'x!' }],
  ['nested computed field', { _id: 0, 'n.m': '$a' }, { n: { m: 1 } }],
];

export const projections: ConformanceCase[] = [
  ...rows.map(([name, projection, result]) => ({
    name: `projection: ${name}`,
    documents: [document],
    command: { find: 'C', projection },
    result: [result],
  })),
  {
    name: 'projection: positional',
    documents: [document],
    command: { find: 'C', filter: { l: 3 }, projection: { 'l.$': 1 } },
    result: [{ _id: 1, l: [3] }],
  },
  {
    name: 'projection: positional by a field of the elements',
    documents: [document],
    command: { find: 'C', filter: { 'r.p': 2 }, projection: { 'r.$': 1 } },
    result: [{ _id: 1, r: [{ p: 2, q: 2 }] }],
  },
  {
    name: 'projection: positional with $elemMatch',
    documents: [document],
    command: { find: 'C', filter: { r: { $elemMatch: { q: 2 } } }, projection: { _id: 0, 'r.$': 1 } },
    result: [{ r: [{ p: 2, q: 2 }] }],
  },
  ...errorCases(
    'projection error',
    [document],
    [
      ['exclusion in an inclusion', { find: 'C', projection: { a: 1, b: 0 } }, 31254],
      ['inclusion in an exclusion', { find: 'C', projection: { a: 0, b: 1 } }, 31253],
      ['path collision', { find: 'C', projection: { c: 1, 'c.d': 1 } }, 31249],
      ['unknown expression', { find: 'C', projection: { x: { $nonsense: 1 } } }, 168],
      ['not a document', { find: 'C', projection: 1 }, 14],
    ],
  ),
];
