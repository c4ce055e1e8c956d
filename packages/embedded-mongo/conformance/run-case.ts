/** Runs a case against a server and says how the reply differs from what is expected. */
import { type Document, deserialize, EJSON, serialize } from 'bson';
import type { Db } from 'mongodb';
import type { ConformanceCase } from './case-format.ts';

const TYPED = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;

/** A value as text in which types and order of fields show. */
function canonical(value: unknown): string {
  const typed = deserialize(serialize({ v: value as Document }), TYPED);
  return EJSON.stringify(typed.v, { relaxed: false });
}

/** The first difference between what is expected and what came; only named fields are compared. */
function differs(expected: unknown, actual: unknown, path: string): string | undefined {
  const partial =
    typeof expected === 'object' && expected !== null && Object.getPrototypeOf(expected) === Object.prototype;
  if (partial && typeof actual === 'object' && actual !== null) {
    for (const [name, value] of Object.entries(expected)) {
      const difference = differs(value, (actual as Document)[name], `${path}.${name}`);
      if (difference) return difference;
    }
    return undefined;
  }
  if (Array.isArray(expected) && Array.isArray(actual) && path.endsWith('writeErrors')) {
    return expected.map((item, i) => differs(item, actual[i], `${path}.${i}`)).find(Boolean);
  }
  if (typeof expected === 'number' && Number(actual) === expected) return undefined;
  const want = canonical(expected);
  const got = actual === undefined ? 'nothing' : canonical(actual);
  return want === got ? undefined : `${path}: expected ${want}, got ${got}`;
}

/** Replaces the placeholders `C` and `D` by the case's own collections. */
function bind(command: Document, first: string, second: string): Document {
  const name = Object.keys(command)[0]!;
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        (key === 'from' || key === '$unionWith') && inner === 'D' ? second : rename(inner),
      ]),
    );
  };
  const bound = name === 'aggregate' ? (rename(command) as Document) : { ...command };
  if (bound[name] === 'C') bound[name] = first;
  if (bound.collection === 'C') bound.collection = first;
  return bound;
}

/** Undefined when the server answers as expected; else what it does otherwise. */
export async function runCase(db: Db, test: ConformanceCase, collection: string): Promise<string | undefined> {
  const second = `${collection}_second`;
  const run = (command: Document) => db.command(bind(command, collection, second), TYPED);
  if (test.documents?.length) await run({ insert: 'C', documents: test.documents as Document[] });
  if (test.second) await db.command({ insert: second, documents: test.second as Document[] });
  for (const command of test.before ?? []) await run(command);
  let reply: Document;
  try {
    reply = await run(test.command);
  } catch (error) {
    const { code, message } = error as { code?: number; message: string };
    if (test.error !== undefined && Number(code) === test.error) return undefined;
    return `failed with ${code}: ${message}`;
  }
  return compareReply(test, reply) ?? (await compareAfter(db, test, collection));
}

function compareReply(test: ConformanceCase, reply: Document): string | undefined {
  if (test.error !== undefined) return `expected error ${test.error}, got ${EJSON.stringify(reply)}`;
  const code = Number(reply.writeErrors?.[0]?.code ?? 0);
  if (code !== (test.writeError ?? 0)) {
    return `expected write error ${test.writeError ?? 'none'}, got ${code} ${reply.writeErrors?.[0]?.errmsg ?? ''}`;
  }
  if (test.reply) {
    const difference = differs(test.reply, reply, 'reply');
    if (difference) return difference;
  }
  const batch = reply.cursor?.firstBatch;
  if (test.result)
    return canonical(test.result) === canonical(batch)
      ? undefined
      : `expected ${canonical(test.result)}, got ${canonical(batch ?? null)}`;
  return undefined;
}

async function compareAfter(db: Db, test: ConformanceCase, collection: string): Promise<string | undefined> {
  if (!test.after) return undefined;
  const found = await db
    .collection(collection)
    .find({}, { ...TYPED, sort: { _id: 1 } })
    .toArray();
  const want = canonical(test.after);
  const got = canonical(found);
  return want === got ? undefined : `afterwards: expected ${want}, got ${got}`;
}
