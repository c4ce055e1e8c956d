import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { breakingChanges } from '../released/compare.ts';
import { type Contract, currentContracts } from '../released/current.ts';

const released = JSON.parse(readFileSync(new URL('../released/schemas.json', import.meta.url), 'utf8')) as Record<
  string,
  Contract
>;

const object = (properties: Record<string, object>, required: string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };
const changes = (direction: Contract['direction'], was: object, is: object) =>
  breakingChanges({ it: { direction, schema: was } }, { it: { direction, schema: is } });

describe('contracts of this build, beside services and clients of the last release', () => {
  it('break nothing', () => {
    expect(breakingChanges(released, currentContracts())).toEqual([]);
  });

  it('are compared: the released ones are not empty', () => {
    expect(Object.keys(released).length).toBeGreaterThan(60);
  });
});

describe('what breaks', () => {
  it.each(['given', 'accepted'] as const)('a field that is removed or has another type (%s)', (direction) => {
    expect(changes(direction, object({ a: text, b: text }), object({ a: text }))).toEqual(['it.b: removed']);
    expect(changes(direction, object({ a: text }), object({ a: { type: 'integer' } }))).toEqual([
      'it.a: was string, is integer',
    ]);
    expect(changes(direction, object({ a: object({ b: text }) }), object({ a: object({}) }))).toEqual([
      'it.a.b: removed',
    ]);
    expect(changes(direction, { type: 'array', items: text }, { type: 'array', items: { type: 'null' } })).toEqual([
      'it[]: was string, is null',
    ]);
  });

  it.each(['given', 'accepted'] as const)(
    'values of a record that have another type, or other keys (%s)',
    (direction) => {
      const record = (keys: string, values: object) => ({ type: 'object', patternProperties: { [keys]: values } });
      const was = record('^.*$', { type: 'integer' });
      expect(changes(direction, was, record('^.*$', text))).toEqual(['it{^.*$}: was integer, is string']);
      expect(changes(direction, was, record('^[0-9]+$', { type: 'integer' }))).toEqual(['it{^.*$}: removed']);
      expect(changes(direction, was, was)).toEqual([]);
    },
  );

  it('a contract that is gone: an event, a route, an error code', () => {
    expect(breakingChanges({ 'error GONE': { direction: 'given', schema: {} } }, {})).toEqual(['error GONE: removed']);
  });

  it('what we accept: a new required field, a value that is refused now', () => {
    expect(changes('accepted', object({ a: text }), object({ a: text, b: text }))).toEqual(['it.b: is now required']);
    expect(changes('accepted', { anyOf: [text, { type: 'null' }] }, text)).toEqual(['it: no longer accepts null']);
    const strict = { ...object({ a: text }), additionalProperties: false };
    expect(changes('accepted', object({ a: text }), strict)).toEqual(['it: no longer accepts other fields']);
    expect(changes('accepted', strict, object({ a: text }))).toEqual([]);
  });

  it('what we give: a field that may be absent now, a value that nobody knows', () => {
    expect(changes('given', object({ a: text }), object({ a: text }, []))).toEqual(['it.a: may now be absent']);
    expect(changes('given', text, { anyOf: [text, { type: 'null' }] })).toEqual(['it: now gives null']);
  });
});

describe('what does not break', () => {
  it('new fields that are given, new optional ones that are accepted, wider values', () => {
    expect(changes('given', object({ a: text }), object({ a: text, b: text }))).toEqual([]);
    expect(changes('accepted', object({ a: text }), object({ a: text, b: text }, ['a']))).toEqual([]);
    expect(changes('accepted', text, { anyOf: [text, { type: 'null' }] })).toEqual([]);
    expect(changes('given', { anyOf: [{ const: 'A' }] }, { anyOf: [{ const: 'A' }, { const: 'B' }] })).toEqual([]);
  });
});
