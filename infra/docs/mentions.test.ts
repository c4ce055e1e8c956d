import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { routes } from '@confab/contracts';
import { expect, test } from 'vitest';
import { localPaths } from '../../packages/media/src/local/local-storage.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];

/** What the documents say that matches, with its place, so that a failure names it. */
const mentions = (pattern: RegExp) =>
  documents.flatMap((file) => [...read(file).matchAll(pattern)].map(([, said = '']) => ({ file, said })));

test('every address of the REST interface that the documents name is one', () => {
  const folder = '/api/chat/media/local';
  expect(Object.values(localPaths).every((address) => address.startsWith(folder))).toBe(true);
  const known = [...Object.values(routes).map((route) => route.path), ...Object.values(localPaths), folder].map(
    (address) => address.split('/'),
  );
  const parameter = (part: string) => part.startsWith(':');
  const fits = (said: string[], address: string[]) =>
    said.length === address.length && address.every((part, at) => parameter(part) || part === said[at]);
  const named = mentions(/(\/api\/chat\/[\w:/{}-]+)/g);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ said }) => !known.some((address) => fits(said.split('/'), address)))).toEqual([]);
});

test('every npm script that the documents name is one', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = mentions(/npm run ([\w:-]+)/g);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ said }) => !Object.hasOwn(scripts, said))).toEqual([]);
});
