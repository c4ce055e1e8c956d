// npm run docs:api: writes every generated document.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { testMongo } from '@confab/testkit';
import { generatedDocuments } from './documents.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const mongo = await testMongo();
for (const [file, text] of await generatedDocuments(mongo.url, mongo.dbName())) {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
  process.stdout.write(`${file}\n`);
}
process.exit(0);
