import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadApiConfig } from '@confab/api';
import { clientEvents, routes, serverEvents } from '@confab/contracts';
import { loadReceiptsConfig } from '@confab/receipts';
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

test('a copy of .env.example is no deployment whose secret others know', () => {
  const lines = documents.get('.env.example')?.split('\n') ?? [];
  expect(lines.filter((line) => line && !line.startsWith('#'))).toEqual(['JWT_SECRET=']);
  expect(lines.filter((line) => line.includes('MEDIA_SECRET='))).toEqual(['# MEDIA_SECRET=']);
  const published = { MEDIA_PROVIDER: 'local', MEDIA_SECRET: 'another-long-random-string-of-32-characters' };
  for (const load of [loadApiConfig, loadReceiptsConfig])
    expect(() => load(published)).toThrow('MEDIA_SECRET is not valid: it is an example that is published');
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
