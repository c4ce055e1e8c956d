/** Language-aware comparison of strings for `collation`, by Node's ICU. */
import type { Document } from 'bson';
import { ErrorCode, fail } from '../errors.ts';
import { identityOf, keyOfValue, tagOfType } from './index-key.ts';
import { BsonType } from './raw-document.ts';
import { bsonTypeOf, isDocument, numberOf } from './typed-values.ts';

/** A collation that is not the simple binary one. */
export interface Collation {
  readonly spec: Document;
  compareText(a: string, b: string): number;
  /** A string that is equal for texts that the collation calls equal. */
  fold(text: string): string;
}

const cache = new Map<string, Collation>();

/** Compiles a collation document; undefined for absent and for `simple`. */
export function compileCollation(spec: unknown): Collation | undefined {
  if (spec === undefined || spec === null) return undefined;
  if (!isDocument(spec)) return fail(ErrorCode.TypeMismatch, `BSON field 'collation' is the wrong type`);
  const locale = spec.locale;
  if (typeof locale !== 'string') {
    return fail(40414, `BSON field 'collation.locale' is missing but a required field`);
  }
  if (locale === 'simple') return undefined;
  const id = JSON.stringify(spec);
  let collation = cache.get(id);
  if (!collation) {
    collation = build(spec, locale);
    if (cache.size > 100) cache.clear();
    cache.set(id, collation);
  }
  return collation;
}

/** ICU's "en_US@collation=x" as a BCP 47 tag. */
function languageTag(locale: string): string {
  return locale.replace(/_/g, '-').replace(/@.*/, '');
}

function isKnownLocale(locale: string): boolean {
  try {
    return Intl.Collator.supportedLocalesOf([languageTag(locale)]).length > 0;
  } catch {
    return false;
  }
}

function build(spec: Document, locale: string): Collation {
  const strength = numberOf(spec.strength) ?? 3;
  if (!Number.isInteger(strength) || strength < 1 || strength > 5) {
    fail(51024, `Enumeration value '${strength}' for field 'collation.strength' is not a valid value.`);
  }
  const caseLevel = spec.caseLevel === true;
  const sensitivity =
    strength === 1 ? (caseLevel ? 'case' : 'base') : strength === 2 && !caseLevel ? 'accent' : 'variant';
  if (!isKnownLocale(locale)) fail(ErrorCode.BadValue, `Field 'locale' is invalid in: { locale: "${locale}" }`);
  const collator = new Intl.Collator(languageTag(locale), {
    sensitivity,
    numeric: spec.numericOrdering === true,
    ignorePunctuation: spec.alternate === 'shifted',
    ...(spec.caseFirst === 'upper' || spec.caseFirst === 'lower' ? { caseFirst: spec.caseFirst } : {}),
  });
  const classes = new Map<string, string>();
  return {
    spec,
    compareText: (a, b) => collator.compare(a, b),
    fold: (text) => foldByCollator(collator, classes, text),
  };
}

/** The first text seen of each class of equal texts stands for the class. */
function foldByCollator(collator: Intl.Collator, classes: Map<string, string>, text: string): string {
  const near = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  for (let i = 0; ; i++) {
    const slot = `${near}\0${i}`;
    const representative = classes.get(slot);
    if (representative === undefined) {
      if (classes.size > 50_000) classes.clear();
      classes.set(slot, text);
      return text;
    }
    if (collator.compare(representative, text) === 0) return representative;
  }
}

/** A typed value with every text in it folded, for equality, grouping and hashing. */
export function foldValue(value: unknown, collation: Collation): unknown {
  if (typeof value === 'string') return collation.fold(value);
  if (Array.isArray(value)) return value.map((item) => foldValue(item, collation));
  if (!isDocument(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, foldValue(inner, collation)]));
}

/** Identity of a value under a collation (or the simple one). */
export function collatedIdentity(value: unknown, collation: Collation | undefined): string {
  return identityOf(collation ? foldValue(value, collation) : value);
}

/** Compares two typed values in MongoDB's order, texts by the collation. */
export function compareCollated(a: unknown, b: unknown, collation: Collation | undefined): number {
  if (!collation) return Buffer.compare(keyOfValue(a), keyOfValue(b));
  const tag = tagOfType(bsonTypeOf(a));
  const difference = tag - tagOfType(bsonTypeOf(b));
  if (difference !== 0) return difference;
  if (typeof a === 'string' && typeof b === 'string') return collation.compareText(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b, collation);
  if (bsonTypeOf(a) === BsonType.object) return compareDocuments(a as Document, b as Document, collation);
  return Buffer.compare(keyOfValue(a), keyOfValue(b));
}

function compareLists(a: unknown[], b: unknown[], collation: Collation): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareCollated(a[i], b[i], collation);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareDocuments(a: Document, b: Document, collation: Collation): number {
  const left = Object.entries(a);
  const right = Object.entries(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [nameA, valueA] = left[i]!;
    const [nameB, valueB] = right[i]!;
    const types = tagOfType(bsonTypeOf(valueA)) - tagOfType(bsonTypeOf(valueB));
    if (types !== 0) return types;
    const names = Buffer.compare(Buffer.from(nameA), Buffer.from(nameB));
    if (names !== 0) return names;
    const values = compareCollated(valueA, valueB, collation);
    if (values !== 0) return values;
  }
  return left.length - right.length;
}
