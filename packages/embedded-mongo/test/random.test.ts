import { env, pid } from 'node:process';
import { type Document, EJSON } from 'bson';
import fc from 'fast-check';
import { type Collection, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documents, filter, indexes, sort, update } from '../conformance/random-values.ts';
import { serversOf, startEmbedded, type TestServer } from '../conformance/servers.ts';

const TYPED = { promoteValues: false, promoteLongs: false, promoteBuffers: false } as const;
const RUNS = Number(env.RANDOM_RUNS ?? 150);
/** A run repeats: what fails here fails for everybody. Search further with RANDOM_SEED and RANDOM_RUNS. */
const SEED = Number(env.RANDOM_SEED ?? 1);
const text = (value: unknown) => EJSON.stringify(value as Document, { relaxed: false });

let embedded: TestServer;
let client: MongoClient;
let collection: Collection;

beforeAll(async () => {
  embedded = await startEmbedded();
  client = new MongoClient(embedded.url);
  collection = client.db('random').collection('c');
});

afterAll(async () => {
  await client.close();
  await embedded.stop();
});

async function fill(target: Collection, content: Document[]): Promise<void> {
  await target.deleteMany({});
  await target.insertMany(content);
}

describe('random queries', () => {
  it('give the same through indexes as by a scan', { timeout: 240_000 }, async () => {
    const property = fc.asyncProperty(
      documents,
      indexes,
      fc.array(filter, { minLength: 4, maxLength: 8 }),
      sort,
      async (content, specs, filters, order) => {
        await collection.drop();
        await fill(collection, content);
        for (const [i, { key, ...options }] of specs.entries()) {
          try {
            await collection.createIndex(key, { ...options, name: `i${i}` });
          } catch (error) {
            // two arrays in one compound index, or two indexes alike: the others are enough
            expect([85, 86, 171]).toContain((error as { code: number }).code);
          }
        }
        for (const one of filters) {
          const planned = await collection.find(one, TYPED).sort(order).toArray();
          const scanned = await collection
            .find(one, { ...TYPED, hint: { $natural: 1 } })
            .sort(order)
            .toArray();
          expect(text(planned), text({ filter: one, order, specs })).toBe(text(scanned));
          expect(await collection.countDocuments(one)).toBe(scanned.length);
        }
      },
    );
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  });

  it('keep indexes right through random updates', { timeout: 240_000 }, async () => {
    const property = fc.asyncProperty(
      documents,
      indexes,
      fc.array(update, { minLength: 1, maxLength: 5 }),
      filter,
      async (content, specs, updates, one) => {
        await collection.drop();
        for (const [i, { key, ...options }] of specs.entries()) {
          await collection.createIndex(key, { ...options, name: `i${i}` }).catch(() => undefined);
        }
        await collection.insertMany(content, { ordered: false }).catch(() => undefined);
        for (const change of updates) await collection.updateMany({}, change).catch(() => undefined);
        const planned = await collection.find(one, TYPED).sort({ _id: 1 }).toArray();
        const scanned = await collection
          .find(one, { ...TYPED, hint: { $natural: 1 } })
          .sort({ _id: 1 })
          .toArray();
        expect(text(planned), text({ filter: one, specs })).toBe(text(scanned));
      },
    );
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  });
});

for (const { name, start } of serversOf(env).filter((server) => server.name !== 'embedded')) {
  describe(`random documents on embedded and on ${name}`, () => {
    let other: TestServer;
    let otherClient: MongoClient;
    let second: Collection;

    beforeAll(async () => {
      other = await start();
      otherClient = new MongoClient(other.url);
      second = otherClient.db(`random_${pid}`).collection('c');
    });

    afterAll(async () => {
      await second.db.dropDatabase().catch(() => undefined);
      await otherClient?.close();
      await other?.stop();
    });

    it('find the same in the same order', { timeout: 600_000 }, async () => {
      const property = fc.asyncProperty(
        documents,
        fc.array(filter, { minLength: 3, maxLength: 6 }),
        sort,
        async (content, filters, order) => {
          await collection.drop();
          await Promise.all([fill(collection, content), fill(second, content)]);
          for (const one of filters) {
            const [ours, theirs] = await Promise.all([
              collection.find(one, TYPED).sort(order).toArray(),
              second.find(one, TYPED).sort(order).toArray(),
            ]);
            expect(text(ours), text({ filter: one, order })).toBe(text(theirs));
          }
        },
      );
      await fc.assert(property, { numRuns: RUNS, seed: SEED });
    });

    it('are updated alike', { timeout: 600_000 }, async () => {
      const property = fc.asyncProperty(
        documents,
        fc.array(update, { minLength: 1, maxLength: 4 }),
        async (content, updates) => {
          await collection.drop();
          await Promise.all([fill(collection, content), fill(second, content)]);
          for (const change of updates) {
            for (const { _id } of content) {
              if (await countsBooleans(collection, _id, change)) continue;
              const [ours, theirs] = await Promise.all([
                applied(collection, _id, change),
                applied(second, _id, change),
              ]);
              expect(ours, text({ change, before: content.find((d) => d._id === _id) })).toBe(theirs);
            }
          }
        },
      );
      await fc.assert(property, { numRuns: RUNS, seed: SEED });
    });
  });
}

/** DocumentDB takes false for 0 in $inc and $mul; MongoDB refuses what is no number. */
async function countsBooleans(target: Collection, id: unknown, change: Document): Promise<boolean> {
  const [field] = Object.keys(change.$inc ?? change.$mul ?? {});
  if (!field) return false;
  const document = await target.findOne({ _id: id } as Document);
  return typeof document?.[field] === 'boolean';
}

/** The document after an update, or that it was refused. */
async function applied(target: Collection, id: unknown, change: Document): Promise<string> {
  const filter = { _id: id } as Document;
  const outcome = await target.updateOne(filter, change).then(
    () => '',
    () => 'refused ',
  );
  return outcome + text(await target.findOne(filter, TYPED));
}
