import { type ConformanceCase, pipelineCases } from '../case-format.ts';
import { sales, stock } from './sales.ts';

const id = { $project: { _id: 1 } };

/** $lookup and $unionWith. */
export const joins: ConformanceCase[] = [
  ...pipelineCases(
    '$lookup',
    sales,
    [
      [
        'by fields',
        [
          { $match: { _id: { $in: [1, 2] } } },
          { $lookup: { from: 'D', localField: 'item', foreignField: 'item', as: 's' } },
          { $project: { 's._id': 1 } },
        ],
        [
          { _id: 1, s: [{ _id: 10 }, { _id: 11 }] },
          { _id: 2, s: [{ _id: 12 }] },
        ],
      ],
      [
        'without partners',
        [
          { $match: { _id: 4 } },
          { $lookup: { from: 'D', localField: 'item', foreignField: 'item', as: 's' } },
          { $project: { s: 1 } },
        ],
        [{ _id: 4, s: [] }],
      ],
      [
        'missing joins null',
        [
          { $match: { _id: 4 } },
          { $lookup: { from: 'D', localField: 'nothing', foreignField: 'item', as: 's' } },
          { $project: { 's._id': 1 } },
        ],
        [{ _id: 4, s: [{ _id: 13 }] }],
      ],
      [
        'with a pipeline',
        [
          { $match: { _id: 1 } },
          {
            $lookup: {
              from: 'D',
              let: { i: '$item' },
              pipeline: [
                { $match: { $expr: { $eq: ['$item', '$$i'] } } },
                { $sort: { _id: -1 } },
                { $limit: 1 },
                { $project: { place: 1 } },
              ],
              as: 's',
            },
          },
          { $project: { s: 1 } },
        ],
        [{ _id: 1, s: [{ _id: 11, place: 'south' }] }],
      ],
      [
        'the same partners for all',
        [
          { $match: { _id: { $in: [1, 4] } } },
          { $sort: { _id: -1 } },
          { $lookup: { from: 'D', pipeline: [{ $match: { item: 'a' } }, { $sort: { _id: -1 } }], as: 's' } },
          { $lookup: { from: 'D', pipeline: [{ $match: { item: 'nothing' } }], as: 't' } },
          { $project: { 's._id': 1, t: 1 } },
        ],
        [
          { _id: 4, s: [{ _id: 11 }, { _id: 10 }], t: [] },
          { _id: 1, s: [{ _id: 11 }, { _id: 10 }], t: [] },
        ],
      ],
      [
        'the same partners, in the place of a field',
        [
          { $match: { _id: 1 } },
          { $project: { item: 1 } },
          {
            $lookup: { from: 'D', pipeline: [{ $match: { _id: 12 } }, { $project: { _id: 1 } }], as: 'item' },
          },
        ],
        [{ _id: 1, item: [{ _id: 12 }] }],
      ],
      [
        'the same partners, the last stage',
        [
          { $match: { _id: 1 } },
          { $lookup: { from: 'D', pipeline: [{ $match: { _id: 12 } }, { $project: { _id: 1 } }], as: 'item' } },
          { $lookup: { from: 'D', pipeline: [{ $match: { _id: 10 } }, { $project: { _id: 1 } }], as: 'x.y' } },
          { $match: { 'x.y._id': 10 } },
          { $project: { item: 1, x: 1 } },
        ],
        [{ _id: 1, item: [{ _id: 12 }], x: { y: [{ _id: 10 }] } }],
      ],
      [
        'the same partners, counted',
        [{ $lookup: { from: 'D', pipeline: [{ $limit: 1 }], as: 's' } }, { $match: { _id: 1 } }, { $count: 'n' }],
        [{ n: 1 }],
      ],
      [
        'fields and a pipeline',
        [
          { $match: { _id: 1 } },
          {
            $lookup: {
              from: 'D',
              localField: 'item',
              foreignField: 'item',
              pipeline: [{ $match: { place: 'north' } }],
              as: 's',
            },
          },
          { $project: { s: 1 } },
        ],
        [{ _id: 1, s: [{ _id: 10, item: 'a', place: 'north' }] }],
      ],
      [
        'no collection',
        [
          { $match: { _id: 1 } },
          { $lookup: { from: 'nowhere', localField: 'item', foreignField: 'item', as: 's' } },
          { $project: { s: 1 } },
        ],
        [{ _id: 1, s: [] }],
      ],
      [
        'then $unwind',
        [
          { $match: { _id: 1 } },
          { $lookup: { from: 'D', localField: 'item', foreignField: 'item', as: 's' } },
          { $unwind: '$s' },
          { $project: { p: '$s.place' } },
        ],
        [
          { _id: 1, p: 'north' },
          { _id: 1, p: 'south' },
        ],
      ],
      [
        '$unionWith',
        [{ $match: { _id: 1 } }, { $unionWith: 'D' }, id],
        [{ _id: 1 }, { _id: 10 }, { _id: 11 }, { _id: 12 }, { _id: 13 }],
      ],
    ],
    stock,
  ),
];
