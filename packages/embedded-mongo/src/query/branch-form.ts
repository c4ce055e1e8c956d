/**
 * Branches of an $or that differ in nothing but their values get the plan of the first with other ranges: planning each one for itself was a quarter
 * of a count over hundreds of ranges.
 */
import { bsonTypeOf } from '../bson/typed-values.ts';
import type { FilterNode, Leaf } from './filter.ts';
import { boundsOf, type Interval } from './index-bounds.ts';
import type { IndexPlan } from './planner.ts';
import { buildRange } from './scan-ranges.ts';

/** A planned branch each of whose conditions binds one field of the index, and exactly. */
export interface BranchForm {
  readonly plan: IndexPlan;
  readonly leaves: readonly Leaf[];
  /** For each of the index's fields from the first, the place of its condition in the branch. */
  readonly places: readonly number[];
}

/** The form of a branch that was planned without a collation; undefined where others need not be planned alike. */
export function formOf(
  plan: IndexPlan,
  others: readonly FilterNode[],
  branch: readonly FilterNode[],
): BranchForm | undefined {
  const { index } = plan;
  if (index.partialFilter || index.sparse || index.multikey.some(Boolean)) return undefined;
  const leaves = branch.filter(isSimple);
  if (leaves.length !== branch.length || leaves.length > index.fields.length) return undefined;
  const bound = index.fields.slice(0, leaves.length).map((field) => field.path.text);
  const places = bound.map((path) => leaves.findIndex((leaf) => leaf.path.text === path));
  if (places.includes(-1) || leaves.slice(0, -1).some((_, field) => leaves[places[field]!]!.operator !== 'eq'))
    return undefined;
  const outside = index.fields.map((field) => field.path.text);
  if (others.some((node) => node.kind === 'leaf' && outside.includes(node.path.text))) return undefined;
  const form = { plan, leaves, places };
  // what the plan leaves to be tested must not be of this branch
  return planLike(form, branch) ? form : undefined;
}

/** Conditions that bind a field to one interval, whatever the value, as long as `boundsOf` calls it exact. */
const isSimple = (node: FilterNode): node is Leaf =>
  node.kind === 'leaf' && !node.negated && ['eq', 'gt', 'gte', 'lt', 'lte'].includes(node.operator);

/** The plan for a branch of that form; undefined if it has another. */
export function planLike({ plan, leaves, places }: BranchForm, branch: readonly FilterNode[]): IndexPlan | undefined {
  if (branch.length !== leaves.length) return undefined;
  const intervals: Interval[] = [];
  for (const place of places) {
    const leaf = branch[place]!;
    if (!isAlike(leaf, leaves[place]!)) return undefined;
    const found = boundsOf(leaf);
    if (!found?.exact || found.intervals.length !== 1) return undefined;
    intervals.push(found.intervals[0]!);
  }
  return { ...plan, ranges: [buildRange(plan.index, intervals)] };
}

const isAlike = (node: FilterNode, model: Leaf): node is Leaf =>
  node.kind === 'leaf' &&
  !node.negated &&
  node.operator === model.operator &&
  node.path.text === model.path.text &&
  bsonTypeOf(node.operand) === bsonTypeOf(model.operand);
