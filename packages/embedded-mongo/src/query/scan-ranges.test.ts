import { Int32, ObjectId } from 'bson';
import { describe, expect, it } from 'vitest';
import { fieldPath } from '../bson/raw-document.ts';
import type { IndexDefinition } from '../store/index-definition.ts';
import { parseFilter } from './filter.ts';
import { boundsOf, type FieldBounds } from './index-bounds.ts';
import { buildRange, buildRanges } from './scan-ranges.ts';

const indexOf = (directions: readonly (1 | -1)[]) =>
  ({
    treeId: 0x01020304,
    fields: directions.map((direction, i) => ({ path: fieldPath(`f${i}`), descending: direction < 0 })),
    multikey: directions.map(() => false),
  }) as unknown as IndexDefinition;

function exactBounds(condition: unknown): FieldBounds {
  const node = parseFilter({ f: condition }, {});
  const bounds = node.kind === 'leaf' ? boundsOf(node) : undefined;
  if (!bounds?.exact || bounds.intervals.length !== 1) throw new Error('not one exact interval');
  return bounds;
}

const POINTS = [new ObjectId(), new Int32(7), 'text that is too long for a loop '.repeat(3)];
const ENDS = [
  ...POINTS,
  { $gt: new Int32(3) },
  { $gte: 2.5 },
  { $lt: new Int32(9) },
  { $lte: 'z' },
  { $gt: new Date(5) },
];

describe('the range of one branch', () => {
  it('is the one of general planning, whatever binds the last field and in whatever direction', () => {
    const fields = [[1], [-1], [1, 1], [1, -1], [-1, 1], [1, 1, -1]] as const;
    for (const directions of fields) {
      const index = indexOf(directions);
      for (const point of POINTS) {
        for (const end of ENDS) {
          for (let bound = 1; bound <= directions.length; bound++) {
            const bounds = Array.from({ length: bound }, (_, i) => exactBounds(i === bound - 1 ? end : point));
            const range = buildRange(
              index,
              bounds.map(({ intervals }) => intervals[0]!),
            );
            expect([range]).toEqual(buildRanges(index, bounds).ranges);
          }
        }
      }
    }
  });
});
