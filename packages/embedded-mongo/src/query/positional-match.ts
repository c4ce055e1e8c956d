/** Which element of an array a filter matched: what `$` stands for in updates and projections. */
import type { Document } from 'bson';
import { decodeTypedAt, encodeTyped } from '../bson/typed-values.ts';
import type { RawMatcher } from '../store/index-definition.ts';
import { setAt, valueAt } from '../update/update-paths.ts';
import { type FilterContext, type FilterNode, type Leaf, parseFilter } from './filter.ts';

/** The index of the matched element of the array at `path`, or undefined. */
export function positionOf(
  document: Buffer,
  path: string,
  filter: Document,
  context: FilterContext,
): number | undefined {
  const tests = relatedLeaves(parseFilter(filter, context), path);
  const typed = decodeTypedAt(document, 0);
  const array = valueAt(typed, path.split('.'));
  if (!Array.isArray(array) || tests.length === 0) return undefined;
  const singles = array.map((element) => {
    setAt(typed, path.split('.'), [element]);
    return encodeTyped(typed);
  });
  const all = singles.findIndex((bytes) => tests.every((test) => test(bytes, 0)));
  if (all !== -1) return all;
  const any = singles.findIndex((bytes) => tests.some((test) => test(bytes, 0)));
  return any === -1 ? undefined : any;
}

/** Positive conditions on the array or on fields inside it. */
function relatedLeaves(node: FilterNode, path: string): RawMatcher[] {
  if (node.kind === 'leaf') return concerns(node, path) ? [node.test] : [];
  if (node.kind === 'opaque' || node.kind === 'nor') return [];
  return node.branches.flatMap((branch) => relatedLeaves(branch, path));
}

function concerns(leaf: Leaf, path: string): boolean {
  const own = leaf.path.text;
  return !leaf.negated && leaf.operator !== 'exists' && (own === path || own.startsWith(`${path}.`));
}
