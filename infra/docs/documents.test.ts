import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientEvents, routes, serverEvents } from '@confab/contracts';
import { testMongo } from '@confab/testkit';
import { beforeAll, expect, test } from 'vitest';
import { generatedDocuments } from './documents.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
let documents: Map<string, string>;
beforeAll(async () => {
  const mongo = await testMongo();
  documents = await generatedDocuments(mongo.url, mongo.dbName());
});

test('every generated document is up to date (else: npm run docs:api)', async () => {
  for (const [file, text] of documents) {
    const committed = await readFile(path.join(root, file), 'utf8').catch(() => '');
    expect(committed === text, `${file} is out of date: npm run docs:api`).toBe(true);
  }
});

test('OpenAPI has every route of the contracts, and nothing else', () => {
  const document = JSON.parse(documents.get('docs/api/openapi.json') ?? '{}');
  const documented = Object.entries<object>(document.paths).flatMap(([url, methods]) =>
    Object.keys(methods).map((m) => `${m.toUpperCase()} ${url}`),
  );
  const contracted = Object.values(routes).map(
    (route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`,
  );
  expect(documented.sort()).toEqual(contracted.sort());
});

test('AsyncAPI has every socket event of the contracts', () => {
  const document = JSON.parse(documents.get('docs/api/asyncapi.json') ?? '{}');
  const names = Object.values<{ name: string }>(document.channels.socket.messages).map((message) => message.name);
  expect(names.sort()).toEqual([...Object.keys(clientEvents), ...Object.keys(serverEvents)].sort());
});
