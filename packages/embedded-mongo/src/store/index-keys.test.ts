import { type Document, EJSON, Int32 } from 'bson';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documents } from '../../conformance/random-values.ts';
import { fieldPath } from '../bson/raw-document.ts';
import { encodeTyped } from '../bson/typed-values.ts';
import { MongoError } from '../errors.ts';
import { eachIndexKey, onlyIndexKey } from './index-keys.ts';

const fieldsOf = (pattern: Record<string, 1 | -1>) =>
  Object.entries(pattern).map(([path, way]) => ({ path: fieldPath(path), descending: way < 0 }));

function keysOf(document: Document, pattern: Record<string, 1 | -1>) {
  const keys: string[] = [];
  let arrays = 0;
  const visit = ({ bytes, length }: { bytes: Buffer; length: number }) => keys.push(bytes.toString('hex', 0, length));
  eachIndexKey(encodeTyped(document), 0, fieldsOf(pattern), visit, () => arrays++);
  return { keys, arrays };
}

function onlyKeyOf(document: Document, pattern: Record<string, 1 | -1>): string | undefined {
  const key = onlyIndexKey(encodeTyped(document), 0, fieldsOf(pattern));
  return key?.bytes.toString('hex', 0, key.length);
}

describe('the only key of a document', () => {
  it.each<[string, Document, Record<string, 1 | -1>]>([
    ['two fields', { a: new Int32(1), b: 'x' }, { a: 1, b: -1 }],
    ['a missing field', { b: 'x' }, { a: 1, b: 1 }],
    ['a path', { a: { b: { c: new Int32(1) } } }, { 'a.b.c': 1 }],
    ['a path that ends early', { a: { b: new Int32(1) } }, { 'a.b.c': 1, a: 1 }],
    ['a whole document', { a: { b: [new Int32(1)] } }, { a: 1 }],
    ['null', { a: null }, { a: -1 }],
  ])('of %s is the one of the general way', (_title, document, pattern) => {
    expect([onlyKeyOf(document, pattern)]).toEqual(keysOf(document, pattern).keys);
  });

  it.each<[string, Document, Record<string, 1 | -1>]>([
    ['at the end', { a: [new Int32(1)] }, { a: 1 }],
    ['that is empty', { a: [] }, { a: 1 }],
    ['on the way', { a: [{ b: new Int32(1) }] }, { 'a.b': 1 }],
    ['behind a field without one', { a: new Int32(1), b: [new Int32(1)] }, { a: 1, b: 1 }],
  ])('is not made where there is an array %s', (_title, document, pattern) => {
    expect(onlyKeyOf(document, pattern)).toBeUndefined();
  });

  it('is right or not made for random documents', () => {
    const pattern = fc.constantFrom<Record<string, 1 | -1>>(
      { a: 1 },
      { a: 1, c: -1 },
      { 'c.a': 1, b: 1 },
      { 'b.a.x': -1 },
    );
    const property = fc.property(documents, pattern, (list, fields) => {
      for (const document of list) {
        let general: ReturnType<typeof keysOf>;
        try {
          general = keysOf(document, fields);
        } catch (error) {
          expect(error).toBeInstanceOf(MongoError); // two arrays
          expect(onlyKeyOf(document, fields)).toBeUndefined();
          continue;
        }
        const only = onlyKeyOf(document, fields);
        if (general.arrays > 0) expect(only, EJSON.stringify(document)).toBeUndefined();
        else expect([only], EJSON.stringify(document)).toEqual(general.keys);
      }
    });
    fc.assert(property, { numRuns: 1_000, seed: 1 });
  });
});
