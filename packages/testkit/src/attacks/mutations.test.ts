import { clientEvents, routes, validatorOf } from '@confab/contracts';
import { expect, test } from 'vitest';
import { anything, hostile, type Known, legal, mutated, samplesOf } from './mutations.ts';

const known: Known = { ids: ['a'.repeat(24), 'b'.repeat(24)], userIds: ['ann', 'bob'] };
const schemas = [
  ...Object.values(routes).flatMap((route) => ('body' in route ? [route.body] : [])),
  ...Object.values(clientEvents).map(({ payload }) => payload),
];

test('legal values pass the contracts’ own validators, mostly', () => {
  for (const schema of schemas) {
    const values = samplesOf(legal(schema, known), 100, 1);
    const good = values.filter((value) => validatorOf(schema).Check(value)).length;
    expect(good).toBeGreaterThan(80);
  }
});

test('mutated values are refused, mostly, and are always JSON', () => {
  for (const schema of schemas) {
    const values = samplesOf(mutated(schema, known), 300, 2);
    const refused = values.filter((value) => !validatorOf(schema).Check(value)).length;
    expect(refused).toBeGreaterThan(150);
    expect(() => values.map((value) => JSON.stringify(value))).not.toThrow();
  }
});

test('the same seed makes the same values, whatever was made before', () => {
  const schema = clientEvents['send:message'].payload;
  const first = JSON.stringify(samplesOf(hostile(schema, known), 200, 3));
  samplesOf(anything, 500, 4);
  expect(JSON.stringify(samplesOf(hostile(schema, known), 200, 3))).toBe(first);
});
