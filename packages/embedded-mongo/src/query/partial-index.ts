/** Whether a query can only match documents that a partial index holds. */
import type { Document } from 'bson';
import { keyOfValue } from '../bson/index-key.ts';
import { BsonType } from '../bson/raw-document.ts';
import { bsonTypeOf } from '../bson/typed-values.ts';
import { type FilterNode, type Leaf, parseFilter } from './filter.ts';
import { boundsOf, isWithin } from './index-bounds.ts';

const parsed = new WeakMap<Document, FilterNode>();

/** True when the conditions imply the index's filter. */
export function impliesPartialFilter(filter: Document, leaves: readonly Leaf[]): boolean {
  let node = parsed.get(filter);
  if (!node) {
    node = parseFilter(filter, {});
    parsed.set(filter, node);
  }
  return implies(leaves, node);
}

function implies(leaves: readonly Leaf[], node: FilterNode): boolean {
  if (node.kind === 'and') return node.branches.every((branch) => implies(leaves, branch));
  if (node.kind === 'or') return node.branches.some((branch) => implies(leaves, branch));
  if (node.kind !== 'leaf') return false;
  return leaves.some((leaf) => leaf.path.text === node.path.text && leafImplies(leaf, node));
}

function leafImplies(leaf: Leaf, wanted: Leaf): boolean {
  if (wanted.negated) return leaf.negated && sameCondition(leaf, wanted);
  if (wanted.operator === 'exists') return impliesExistence(leaf);
  if (wanted.operator === 'type') return impliesType(leaf, wanted.operand);
  if (leaf.negated) return false;
  const own = boundsOf(leaf);
  const outer = boundsOf(wanted);
  if (own && outer)
    return own.exact === outer.exact ? isWithin(own, outer) : outer.exact === false && isWithin(own, outer);
  return sameCondition(leaf, wanted);
}

function sameCondition(a: Leaf, b: Leaf): boolean {
  return a.operator === b.operator && keyOfValue(a.operand).equals(keyOfValue(b.operand));
}

function impliesExistence(leaf: Leaf): boolean {
  if (leaf.negated) return leaf.operator === 'eq' && leaf.operand === null;
  switch (leaf.operator) {
    case 'eq':
      return leaf.operand !== null && leaf.operand !== undefined;
    case 'in':
      return !(leaf.operand as unknown[]).includes(null);
    case 'gte':
    case 'lte':
      return leaf.operand !== null;
    case 'other':
      return false;
    default:
      return true;
  }
}

function impliesType(leaf: Leaf, type: unknown): boolean {
  if (leaf.negated) return false;
  if (leaf.operator === 'type') return keyOfValue(leaf.operand).equals(keyOfValue(type));
  const operands = leaf.operator === 'in' ? (leaf.operand as unknown[]) : [leaf.operand];
  if (!['eq', 'in', 'gt', 'gte', 'lt', 'lte'].includes(leaf.operator)) return false;
  // only for types that no other type is equal to
  const wanted =
    type === 'string' || Number(type) === 2
      ? BsonType.string
      : type === 'objectId' || Number(type) === 7
        ? BsonType.objectId
        : -1;
  return operands.every((operand) => bsonTypeOf(operand) === wanted);
}
