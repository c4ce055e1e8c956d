import Type from 'typebox';
import { expect, it } from 'vitest';
import { jsonBytes } from './body-bytes.ts';
import { limits } from './limits.ts';
import { type RouteContract, routes } from './rest.ts';

it('has room for the longest body of a schema, its characters escaped, and hardly more', () => {
  const text = (maxLength: number) => Type.String({ maxLength });
  const schema = Type.Object({
    ids: Type.Array(text(20), { maxItems: 30 }),
    it: Type.Object({ a: text(7), b: Type.Optional(text(9)) }),
  });
  const escaped = (length: number) => '\u0001'.repeat(length);
  const longest = { ids: Array.from({ length: 30 }, () => escaped(20)), it: { a: escaped(7), b: escaped(9) } };
  const needed = Buffer.byteLength(JSON.stringify(longest));
  expect(jsonBytes(schema)).toBeGreaterThanOrEqual(needed);
  expect(jsonBytes(schema)).toBeLessThan(needed + 10);
});

it('refuses what has no bound', () => {
  for (const schema of [Type.String(), Type.Array(Type.String({ maxLength: 1 })), Type.Unknown()]) {
    expect(() => jsonBytes(schema)).toThrow('no bound');
  }
});

it('of every route is within what the edge lets through, which has a larger one for profiles alone', () => {
  // infra/nginx/edge.conf and infra/k8s/confab/templates/ingress.yaml
  const edge = (path: string) => (path === routes.putUsers.path ? 9 : 1) * 1024 ** 2;
  for (const { path, bodyBytes = limits.bodyBytes } of Object.values<RouteContract>(routes)) {
    expect([path, bodyBytes <= edge(path)]).toEqual([path, true]);
  }
});
