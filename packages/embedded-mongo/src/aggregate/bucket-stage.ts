/** $bucket is a $group by the boundary that a value falls behind, sorted by it. */
import { type Document, Int32 } from 'bson';
import { compareValues } from '../bson/index-key.ts';
import { isDocument } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';

/** Rewrites the operand of $bucket. */
export function bucketStages(operand: unknown): { group: Document; sort: Document } {
  if (!isDocument(operand)) return fail(40201, 'Argument to $bucket stage must be an object');
  const { groupBy, boundaries, default: otherwise, output } = operand;
  if (groupBy === undefined || boundaries === undefined) {
    fail(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.");
  }
  if (!Array.isArray(boundaries)) return fail(40200, "The $bucket 'boundaries' field must be an array");
  if (boundaries.length < 2) fail(40192, "The $bucket 'boundaries' field must have at least 2 values");
  for (let i = 1; i < boundaries.length; i++) {
    if (compareValues(boundaries[i - 1], boundaries[i]) >= 0) {
      fail(40194, "The 'boundaries' option to $bucket must be sorted, with no duplicates.");
    }
  }
  const branches = boundaries.slice(1).map((upper, i) => ({
    case: { $and: [{ $gte: [groupBy, { $literal: boundaries[i] }] }, { $lt: [groupBy, { $literal: upper }] }] },
    // biome-ignore lint/suspicious/noThenProperty: the name that $switch gives it
    then: { $literal: boundaries[i] },
  }));
  const choice = { branches, ...(otherwise === undefined ? {} : { default: { $literal: otherwise } }) };
  const fields = isDocument(output) ? output : { count: { $sum: new Int32(1) } };
  return { group: { _id: { $switch: choice }, ...fields }, sort: { _id: new Int32(1) } };
}
