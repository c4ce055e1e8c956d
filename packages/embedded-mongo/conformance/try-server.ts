/** Runs the whole suite against one server and prints what differs: `node try-server.ts mongodb://...`. */
import { MongoClient } from 'mongodb';
import { cases } from './cases/index.ts';
import { runCase } from './run-case.ts';

const url = process.argv[2];
if (!url) throw new Error('usage: try-server.ts mongodb://host:port');
const client = new MongoClient(url);
const db = client.db(`conformance_${process.pid}`);
let failed = 0;
for (const [number, test] of cases.entries()) {
  const difference = await runCase(db, test, `c${number}`).catch((error: Error) => `setup failed: ${error.message}`);
  if (!difference) continue;
  failed++;
  console.log(`${test.name}\n    ${difference}`);
}
await db.dropDatabase();
await client.close();
console.log(`${cases.length - failed} of ${cases.length} cases agree`);
