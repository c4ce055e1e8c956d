/** Reads a projection document: which fields are kept, left out, or computed. */
import type { Document } from 'bson';
import { isDocument, isTruthy, numberOf } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import type { FieldTree } from './raw-projection.ts';

/** A field that is computed rather than copied. */
export interface ComputedField {
  readonly path: string;
  readonly kind: 'expression' | '$slice' | '$elemMatch' | 'positional';
  readonly operand: unknown;
}

export interface ProjectionSpec {
  readonly mode: 'include' | 'exclude';
  readonly tree: FieldTree;
  readonly computed: readonly ComputedField[];
}

type Entry = { path: string; kind: 'include' | 'exclude' } | ComputedField;

/**
 * Parses a projection.
 *
 * @param forFind find's own operators ($slice, $elemMatch, `a.$`) are understood
 */
export function parseProjection(projection: Document, forFind: boolean): ProjectionSpec {
  const entries = [...entriesOf(projection, '', forFind)];
  const id = entries.find((entry) => entry.path === '_id');
  const others = entries.filter((entry) => entry !== id);
  const mode = modeOf(others, id);
  const tree: FieldTree = new Map();
  for (const entry of others) {
    if (mode === 'include' && entry.kind === 'exclude')
      fail(31254, `Cannot do exclusion on field ${entry.path} in inclusion projection`);
    if (mode === 'exclude' && (entry.kind === 'include' || entry.kind === 'expression')) {
      fail(31253, `Cannot do inclusion on field ${entry.path} in exclusion projection`);
    }
    const copied =
      entry.kind === 'include' || entry.kind === 'exclude' || (mode === 'include' && entry.kind !== 'expression');
    if (copied) addPath(tree, entry.path);
    else checkCollision(tree, entry.path);
  }
  addId(tree, mode, id);
  return { mode, tree, computed: entries.filter((entry): entry is ComputedField => 'operand' in entry) };
}

function addId(tree: FieldTree, mode: 'include' | 'exclude', id: Entry | undefined): void {
  if (mode === 'include' ? !id || id.kind === 'include' : id?.kind === 'exclude') tree.set('_id', true);
}

function modeOf(others: readonly Entry[], id: Entry | undefined): 'include' | 'exclude' {
  const first = others.find((entry) => entry.kind !== '$slice');
  if (first) return first.kind === 'exclude' ? 'exclude' : 'include';
  if (others.length > 0) return id?.kind === 'include' ? 'include' : 'exclude';
  return id && id.kind !== 'exclude' ? 'include' : 'exclude';
}

function* entriesOf(projection: Document, prefix: string, forFind: boolean): Iterable<Entry> {
  for (const [name, value] of Object.entries(projection)) {
    const path = prefix + name;
    checkFieldPath(path, forFind);
    if (forFind && path.endsWith('.$')) yield { path: path.slice(0, -2), kind: 'positional', operand: value };
    else if (typeof value === 'boolean' || numberOf(value) !== undefined)
      yield { path, kind: isTruthy(value) ? 'include' : 'exclude' };
    else if (isDocument(value)) yield* nestedEntries(path, value, forFind);
    else yield { path, kind: 'expression', operand: value };
  }
}

function* nestedEntries(path: string, value: Document, forFind: boolean): Iterable<Entry> {
  const operator = Object.keys(value).find((name) => name.startsWith('$'));
  if (forFind && (operator === '$slice' || operator === '$elemMatch')) {
    const operand = value[operator];
    const isExpression =
      operator === '$slice' && Array.isArray(operand) && operand.length > 0 && numberOf(operand[0]) === undefined;
    yield isExpression ? { path, kind: 'expression', operand: value } : { path, kind: operator, operand };
  } else if (operator) yield { path, kind: 'expression', operand: value };
  else if (Object.keys(value).length === 0)
    fail(51270, 'An empty sub-projection is not a valid value. Found empty object at path');
  else yield* entriesOf(value, `${path}.`, forFind);
}

function checkFieldPath(path: string, forFind: boolean): void {
  if (path === '') fail(40352, 'FieldPath cannot be constructed with empty string');
  if (path.endsWith('.') && !forFind) fail(40353, "FieldPath must not end with a '.'.");
  if (path.split('.').some((part) => part === '')) fail(15998, 'FieldPath field names may not be empty strings.');
  if (path.startsWith('$') || (path.includes('.$') && !path.endsWith('.$'))) {
    fail(16410, `FieldPath field names may not start with '$'. Consider using $getField or $setField.`);
  }
}

function checkCollision(tree: FieldTree, path: string): void {
  let branch: FieldTree | true | undefined = tree;
  for (const part of path.split('.')) {
    if (branch === true) fail(31249, `Path collision at ${path}`);
    branch = (branch as FieldTree | undefined)?.get(part);
  }
  if (branch) fail(31249, `Path collision at ${path}`);
}

function addPath(tree: FieldTree, path: string): void {
  checkCollision(tree, path);
  const parts = path.split('.');
  let branch = tree;
  for (const part of parts.slice(0, -1)) {
    let next = branch.get(part);
    if (!next || next === true) {
      next = new Map();
      branch.set(part, next);
    }
    branch = next;
  }
  branch.set(parts.at(-1)!, true);
}
