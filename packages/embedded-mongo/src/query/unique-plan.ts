/**
 * The plan for one document by all fields of a unique index: no other index finds less, so that none is looked at. Most statements of a chat are of this
 * form, and weighing the indexes was a tenth of their time.
 */
import type { Collection } from '../store/collection.ts';
import { type IndexDefinition, isLaterMultikey } from '../store/index-definition.ts';
import type { IndexField } from '../store/index-keys.ts';
import type { FilterNode, Leaf } from './filter.ts';
import { boundsOf } from './index-bounds.ts';
import type { IndexPlan } from './planner.ts';
import { buildRanges } from './scan-ranges.ts';

/** A plan but for what the index does not decide. */
export interface UniqueChoice {
  readonly plan: Omit<IndexPlan, 'residual'>;
  readonly decided: ReadonlySet<FilterNode>;
}

/** The first unique index all of whose fields the conditions bind to one value each; without a collation. */
export function chooseUnique(
  { indexes }: Collection,
  conjuncts: readonly FilterNode[],
  sort: readonly IndexField[] | undefined,
): UniqueChoice | undefined {
  for (const index of indexes) {
    // whether a query implies the filter of a partial index is the planner's to find out
    const leaves = index.unique && !index.partialFilter ? pointsOn(index, conjuncts) : undefined;
    if (leaves) return { plan: planOf(index, leaves, sort), decided: new Set(leaves) };
  }
  return undefined;
}

function pointsOn(index: IndexDefinition, conjuncts: readonly FilterNode[]): Leaf[] | undefined {
  const leaves: Leaf[] = [];
  for (let field = 0; field < index.fields.length; field++) {
    if (isLaterMultikey(index, field)) return undefined;
    const { path } = index.fields[field]!;
    const leaf = conjuncts.find((node): node is Leaf => isEquality(node) && node.path.text === path.text);
    // null is found at two keys, and arrays and regular expressions at none of their own
    if (!leaf || !boundsOf(leaf)?.exact) return undefined;
    leaves.push(leaf);
  }
  return leaves;
}

const isEquality = (node: FilterNode): node is Leaf => node.kind === 'leaf' && node.operator === 'eq' && !node.negated;

function planOf(
  index: IndexDefinition,
  leaves: readonly Leaf[],
  sort: readonly IndexField[] | undefined,
): UniqueChoice['plan'] {
  return {
    kind: 'index',
    index,
    ranges: buildRanges(index, leaves.map(boundsOf)).ranges,
    ...{ reverse: false, merge: false, dedupe: false },
    sorted: sort?.every((wanted) => isBound(index, wanted)) ?? false,
  };
}

const isBound = (index: IndexDefinition, { path }: IndexField): boolean =>
  index.fields.some((own, i) => own.path.text === path.text && !index.multikey[i]);
