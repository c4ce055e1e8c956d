/** An index as the catalog keeps it. */
import type { Document } from 'bson';
import { fieldPath } from '../bson/raw-document.ts';
import { numberOf } from '../bson/typed-values.ts';
import type { IndexField } from './index-keys.ts';

/** Tells whether the raw document at `start` belongs to a partial index. */
export type RawMatcher = (bytes: Buffer, start: number) => boolean;

export interface IndexDefinition {
  readonly name: string;
  readonly treeId: number;
  /** Typed: `{ seq: Int32(-1) }`. */
  readonly keyPattern: Document;
  readonly fields: readonly IndexField[];
  readonly unique: boolean;
  readonly sparse: boolean;
  readonly partialFilter: Document | undefined;
  readonly isIncluded: RawMatcher | undefined;
  readonly expireAfterSeconds: number | undefined;
  /** What listIndexes answers. */
  readonly spec: Document;
  /** Per field: some document holds an array there. Never goes back to false. */
  readonly multikey: boolean[];
  /** Top-level names of everything that decides about the keys; other fields can change without touching the index. */
  readonly touchedBy: ReadonlySet<string>;
}

/** What is stored of an index. */
export interface StoredIndex {
  spec: Document;
  treeId: number;
  multikey: boolean[];
}

function topLevelNames(filter: Document, names: Set<string>): void {
  for (const [name, value] of Object.entries(filter)) {
    if (name.startsWith('$')) for (const branch of Array.isArray(value) ? value : []) topLevelNames(branch, names);
    else names.add(name.split('.')[0]!);
  }
}

/**
 * An earlier field goes through an array as well: a key has the two of one element, but a document is found too where
 * different elements satisfy the conditions on them. Only the first such field may have bounds.
 */
export const isLaterMultikey = ({ multikey }: IndexDefinition, field: number): boolean =>
  multikey[field] === true && multikey.indexOf(true) < field;

/** Builds the working form of an index from its specification. */
export function defineIndex(stored: StoredIndex, compile: (filter: Document) => RawMatcher): IndexDefinition {
  const { spec } = stored;
  const keyPattern = spec.key as Document;
  const fields = Object.entries(keyPattern).map(([path, direction]) => ({
    path: fieldPath(path),
    descending: (numberOf(direction) ?? 1) < 0,
  }));
  const partialFilter = spec.partialFilterExpression as Document | undefined;
  const touchedBy = new Set(fields.map((field) => field.path.text.split('.')[0]!));
  if (partialFilter) topLevelNames(partialFilter, touchedBy);
  return {
    name: spec.name as string,
    treeId: stored.treeId,
    keyPattern,
    fields,
    unique: spec.unique === true || spec.name === '_id_',
    sparse: spec.sparse === true,
    partialFilter,
    isIncluded: partialFilter && compile(partialFilter),
    expireAfterSeconds: numberOf(spec.expireAfterSeconds),
    spec,
    multikey: fields.map((_, i) => stored.multikey[i] ?? false),
    touchedBy,
  };
}
