// npm run docs:api: writes every generated document.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMongo } from '@confab/testkit';
import { generatedDocuments } from './documents.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const mongo = await findMongo();
for (const [file, text] of await generatedDocuments(mongo.url, `confab_docs_${process.pid}`)) {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
  process.stdout.write(`${file}\n`);
}
// Stopped, not left behind: an embedded store that is still open keeps the process from ending.
await mongo.stop();
process.exit(0);
