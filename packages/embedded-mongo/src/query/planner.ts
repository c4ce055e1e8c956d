/**
 * Chooses how to find the documents of a filter: by index ranges, by a union of them for $or, or by a scan. Fields
 * bound to points come first, then one range, then the sort. There is no sampling: the index that binds most wins.
 */
import type { Document } from 'bson';
import { BsonType } from '../bson/raw-document.ts';
import { bsonTypeOf } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Collection } from '../store/collection.ts';
import { type IndexDefinition, isLaterMultikey, type RawMatcher } from '../store/index-definition.ts';
import type { IndexField } from '../store/index-keys.ts';
import { type BranchForm, formOf, planLike } from './branch-form.ts';
import { compileNode, type FilterNode, type Leaf } from './filter.ts';
import { boundsOf, type FieldBounds, intersect } from './index-bounds.ts';
import { joinPlans } from './join-ranges.ts';
import { impliesPartialFilter } from './partial-index.ts';
import { buildRanges, type ScanRange, sortFromIndex } from './scan-ranges.ts';
import { chooseUnique } from './unique-plan.ts';

export interface ScanPlan {
  readonly kind: 'scan';
  readonly reverse: boolean;
  readonly residual: RawMatcher | undefined;
  readonly sorted: boolean;
}

export interface IndexPlan {
  readonly kind: 'index';
  readonly index: IndexDefinition;
  readonly ranges: readonly ScanRange[];
  readonly reverse: boolean;
  /** The ranges are in order of the sort only when merged. */
  readonly merge: boolean;
  /** A document may come more than once. */
  readonly dedupe: boolean;
  /** What the ranges do not decide. */
  readonly residual: RawMatcher | undefined;
  /** Results come in the order of the requested sort. */
  readonly sorted: boolean;
}

export interface UnionPlan {
  readonly kind: 'union';
  readonly plans: readonly IndexPlan[];
  readonly sorted: boolean;
}

export type Plan = ScanPlan | IndexPlan | UnionPlan;

export interface PlanRequest {
  readonly filter: FilterNode;
  readonly sort: readonly IndexField[] | undefined;
  readonly hint: unknown;
  /** A collation is in force: the byte order of strings in indexes does not apply. */
  readonly collated: boolean;
}

interface Candidate {
  plan: IndexPlan;
  score: number;
}

/** Plans a query on a collection. */
export function planQuery(collection: Collection, request: PlanRequest): Plan {
  const conjuncts = flatten(request.filter);
  if (request.hint !== undefined) return planHinted(collection, request, conjuncts);
  const unique = request.collated ? undefined : chooseUnique(collection, conjuncts, request.sort);
  if (unique) return { ...unique.plan, residual: residualOf(conjuncts, unique.decided) };
  const best = bestIndex(collection, request, conjuncts);
  const union = planUnion(collection, request, conjuncts, best?.score ?? 0);
  return union ?? best?.plan ?? scanPlan(conjuncts, false, false);
}

function scanPlan(conjuncts: readonly FilterNode[], reverse: boolean, sorted: boolean): ScanPlan {
  return { kind: 'scan', reverse, residual: residualOf(conjuncts, new Set()), sorted };
}

/** The conditions that must all hold. */
function flatten(node: FilterNode): readonly FilterNode[] {
  if (node.kind !== 'and') return [node];
  return node.branches.some(({ kind }) => kind === 'and') ? node.branches.flatMap(flatten) : node.branches;
}

function residualOf(conjuncts: readonly FilterNode[], decided: ReadonlySet<FilterNode>): RawMatcher | undefined {
  const rest = conjuncts.filter((node) => !decided.has(node));
  return rest.length === 0 ? undefined : compileNode({ kind: 'and', branches: rest });
}

function bestIndex(
  collection: Collection,
  request: PlanRequest,
  conjuncts: readonly FilterNode[],
  compileResidual: CompileResidual = residualOf,
): Candidate | undefined {
  let best: Candidate | undefined;
  for (const index of collection.indexes) {
    const candidate = considerIndex(index, request, conjuncts, false, compileResidual);
    if (candidate && candidate.score > (best?.score ?? 0)) best = candidate;
  }
  return best;
}

/** Bounds of one index field and the conditions that they decide. */
interface BoundField {
  bounds: FieldBounds | undefined;
  decided: Leaf[];
}

function usableLeaf(leaf: Leaf, collated: boolean): boolean {
  if (!collated) return true;
  const operands = leaf.operator === 'in' ? (leaf.operand as unknown[]) : [leaf.operand];
  return operands.every((operand) => {
    const type = bsonTypeOf(operand);
    return type !== BsonType.string && type !== BsonType.object && type !== BsonType.array && leaf.operator !== 'regex';
  });
}

function bindField(index: IndexDefinition, field: number, leaves: readonly Leaf[]): BoundField {
  if (isLaterMultikey(index, field)) return { bounds: undefined, decided: [] };
  const path = index.fields[field]!.path.text;
  let bounds: FieldBounds | undefined;
  let decided: Leaf[] = [];
  const own = leaves.filter((leaf) => leaf.path.text === path).sort((a, b) => rank(a) - rank(b));
  for (const leaf of own) {
    const narrower = boundsOf(leaf);
    if (!narrower) continue;
    // an array satisfies two conditions with two different elements: only one of them bounds the index
    if (bounds && index.multikey[field]) continue;
    bounds = bounds ? intersect(bounds, narrower) : narrower;
    decided = narrower.exact ? [...decided, leaf] : decided;
  }
  return { bounds, decided };
}

function rank(leaf: Leaf): number {
  return leaf.operator === 'eq' ? 0 : leaf.operator === 'in' ? 1 : 2;
}

function considerIndex(
  index: IndexDefinition,
  request: PlanRequest,
  conjuncts: readonly FilterNode[],
  forced: boolean,
  compileResidual: CompileResidual = residualOf,
): Candidate | undefined {
  const leaves = conjuncts.filter((node): node is Leaf => node.kind === 'leaf');
  if (!forced && isSurelyUseless(index, request, leaves)) return undefined;
  const implied = index.partialFilter ? impliesPartialFilter(index.partialFilter, leaves) : false;
  if (index.partialFilter && !implied && !forced) return undefined;
  const usable = leaves.filter((leaf) => usableLeaf(leaf, request.collated));
  const bound = index.fields.map((_, field) => bindField(index, field, usable));
  const ranges = buildRanges(
    index,
    bound.map(({ bounds }) => bounds),
  );
  const decided = new Set<FilterNode>(bound.slice(0, ranges.fieldsUsed).flatMap((field) => field.decided));
  const excludesMissing =
    bound.slice(0, ranges.fieldsUsed).some(({ bounds }) => bounds?.exact) || existsHolds(index, leaves);
  if (index.sparse && !excludesMissing && !forced) return undefined;
  const order = request.collated ? undefined : sortFromIndex(index, ranges, request.sort);
  const score = scoreOf(index, ranges.points, ranges.lists, ranges.hasRange, order !== undefined, implied);
  if (score === 0 && !forced) {
    const indexIsTheCondition = index.sparse && existsHolds(index, leaves);
    if (!indexIsTheCondition) return undefined;
  }
  const plan: IndexPlan = {
    kind: 'index',
    index,
    ranges: ranges.ranges,
    reverse: order?.reverse ?? false,
    merge: order?.merge ?? false,
    dedupe: ranges.mayRepeat,
    residual: compileResidual(conjuncts, decided),
    sorted: order !== undefined,
  };
  return { plan, score: Math.max(score, 1) };
}

/** Nothing bounds its first field, and it has no other merit. */
function isSurelyUseless(index: IndexDefinition, { sort }: PlanRequest, leaves: readonly Leaf[]): boolean {
  if (sort || index.sparse || index.partialFilter) return false;
  const first = index.fields[0]!.path.text;
  return !leaves.some((leaf) => leaf.path.text === first);
}

/** `{ field: { $exists: true } }` holds for every document of a sparse index on that field. */
function existsHolds(index: IndexDefinition, leaves: readonly Leaf[]): boolean {
  return leaves.some(
    (leaf) => leaf.operator === 'exists' && !leaf.negated && index.fields.some((f) => f.path.text === leaf.path.text),
  );
}

function scoreOf(
  index: IndexDefinition,
  points: number,
  lists: number,
  hasRange: boolean,
  sorted: boolean,
  implied: boolean,
): number {
  const bound = points * 100 + lists * 70 + (hasRange ? 40 : 0);
  const unique = index.unique && points === index.fields.length ? 1000 : 0;
  const rest = (sorted ? 60 : 0) + (implied ? 50 : 0);
  if (bound + unique + rest === 0) return 0;
  return bound + unique + rest - index.fields.length / 100;
}

/** An $or whose branches all use an index is the union of their ranges; of one and the same index, a single scan of them. */
function planUnion(
  collection: Collection,
  request: PlanRequest,
  conjuncts: readonly FilterNode[],
  score: number,
): Plan | undefined {
  for (const node of conjuncts) {
    if (node.kind !== 'or' || node.branches.length === 0) continue;
    const others = conjuncts.filter((other) => other !== node);
    const plans = planBranches(collection, { ...request, sort: undefined }, others, node.branches, score);
    if (plans) return joinPlans(plans) ?? { kind: 'union', plans, sorted: false };
  }
  return undefined;
}

/** A plan for each branch together with the conditions around the $or; undefined if one has none that is better than `score`. */
function planBranches(
  collection: Collection,
  request: PlanRequest,
  others: readonly FilterNode[],
  branches: readonly FilterNode[],
  score: number,
): IndexPlan[] | undefined {
  const residuals = sharedResiduals();
  const plans: IndexPlan[] = [];
  let former: Candidate | undefined;
  let form: BranchForm | undefined;
  for (const branch of branches) {
    const own = flatten(branch);
    const alike = form && planLike(form, own);
    if (alike) {
      plans.push(alike);
      continue;
    }
    const conjuncts = [...others, ...own];
    // Branches of the same form use the same index: then the others need not be looked at, however many branches there are.
    const again = former && considerIndex(former.plan.index, request, conjuncts, false, residuals);
    former = again && again.score === former?.score ? again : bestIndex(collection, request, conjuncts, residuals);
    if (!former || former.score <= score) return undefined;
    plans.push(former.plan);
    form = request.collated ? undefined : formOf(former.plan, others, own);
  }
  return plans;
}

type CompileResidual = typeof residualOf;

/** Branches that leave the same conditions to be tested get the same test, compiled once. */
function sharedResiduals(): CompileResidual {
  let last: { rest: readonly FilterNode[]; test: RawMatcher | undefined } | undefined;
  return (conjuncts, decided) => {
    const rest = conjuncts.filter((node) => !decided.has(node));
    const same = last?.rest.length === rest.length && rest.every((node, i) => node === last?.rest[i]);
    if (!last || !same) last = { rest, test: residualOf(rest, new Set()) };
    return last.test;
  };
}

function planHinted(collection: Collection, request: PlanRequest, conjuncts: readonly FilterNode[]): Plan {
  const { hint } = request;
  const natural = typeof hint === 'object' && hint !== null ? (hint as Document).$natural : undefined;
  if (natural !== undefined) return scanPlan(conjuncts, Number(natural) < 0, false);
  const index = findHinted(collection, hint);
  return considerIndex(index, request, conjuncts, true)!.plan;
}

/** The index that a hint names by name or key pattern; throws MongoDB's error when there is none. */
export function findHinted(collection: Collection, hint: unknown): IndexDefinition {
  const wanted = typeof hint === 'string' ? hint : patternText(hint as Document);
  const index = collection.indexes.find((candidate) =>
    typeof hint === 'string' ? candidate.name === wanted : patternText(candidate.keyPattern) === wanted,
  );
  if (index) return index;
  return fail(
    ErrorCode.BadValue,
    'error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index',
  );
}

/** A key pattern as text that is equal for equal patterns. */
export function patternText(pattern: Document): string {
  return Object.entries(pattern)
    .map(([path, direction]) => `${path}:${Number(direction)}`)
    .join(',');
}
