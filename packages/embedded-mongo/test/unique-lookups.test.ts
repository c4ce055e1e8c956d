import { type Collection, type Document, Double, Long, type Sort } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from './server-fixture.ts';

let fixture: Fixture;
let rows: Collection<Document>;

beforeAll(async () => {
  fixture = await startFixture();
  rows = fixture.client.db('lookups').collection<Document>('rows');
  await rows.createIndexes([
    { key: { a: 1, b: -1 }, unique: true, name: 'pair' },
    { key: { tags: 1 }, unique: true, sparse: true, name: 'tags' },
    { key: { p: 1 }, unique: true, partialFilterExpression: { p: { $gt: 5 } }, name: 'partial' },
  ]);
  await rows.insertMany([
    { _id: 1 as never, a: 1, b: 'x', tags: ['r', 's'], p: 6 },
    { _id: 2 as never, a: 1, b: 'y', tags: 't', p: 3 },
    { _id: 'three' as never, a: 2, b: null, p: 3 },
    { _id: null as never, a: 2, b: 5, p: 9 },
    { _id: 4.5 as never, a: { x: 1 }, b: [1, 2] },
    { _id: { k: 1 } as never, b: 7 },
  ]);
});

afterAll(() => fixture.stop());

const found = async (filter: Document, options: { sort?: Sort; hint?: Document } = {}) =>
  (await rows.find(filter, options).toArray()).map(({ _id }) => JSON.stringify(_id));

describe('looking up by a unique index', () => {
  const filters: Document[] = [
    { _id: 1 },
    { _id: Long.fromNumber(1) },
    { _id: new Double(4.5) },
    { _id: 'three', a: 2 },
    { _id: 'three', a: 3 },
    { _id: 9 },
    { _id: null },
    { _id: { $eq: 2 } },
    { _id: { k: 1 } },
    { _id: { $in: [1, 'three', 9, null, 1, 4.5] } },
    { _id: { $in: ['three', 2], $ne: 2 } },
    { _id: { $in: [] } },
    { _id: 1, $or: [{ a: 1 }, { a: 5 }] },
    { $and: [{ _id: 1 }, { _id: 2 }] },
    { $and: [{ _id: 2 }, { _id: { $gt: 1 } }] },
    { _id: { $not: { $eq: 1 } } },
    { _id: /^thr/ },
    { a: 1, b: 'x' },
    { b: 'y', a: 1, p: { $lt: 4 } },
    { a: 2, b: null },
    { a: null, b: 7 },
    { a: { x: 1 }, b: 2 },
    { a: { x: 1 }, b: [1, 2] },
    { $and: [{ a: { x: 1 } }, { b: 1 }, { b: 2 }] },
    { a: { $in: [1, 2] }, b: { $in: ['x', 5, 'y'] } },
    { tags: 'r' },
    { tags: ['r', 's'] },
    { $and: [{ tags: 'r' }, { tags: 's' }] },
    { tags: { $in: ['s', 'r', 't'] } },
    { tags: null },
    { p: 6 },
    { p: 3 },
  ];
  it.each(filters.map((filter) => [JSON.stringify(filter), filter] as const))(
    '%s finds what a scan finds',
    async (_text, filter) => {
      expect((await found(filter)).sort()).toEqual((await found(filter, { hint: { $natural: 1 } })).sort());
    },
  );

  it.each([true, false])('finds by fields of different elements of an array (unique: %s)', async (unique) => {
    const lists = fixture.client.db('lookups').collection<Document>(`lists_${unique}`);
    await lists.createIndex({ 'r.a': 1, 'r.b': 1, c: 1 }, { unique, name: 'pairs' });
    const r = [
      { a: 1, b: 2 },
      { a: 2, b: 1 },
    ];
    await lists.insertOne({ _id: 1 as never, r, c: 3 });
    const foundIn = async (filter: Document) => (await lists.find(filter).toArray()).map(({ _id }) => _id);
    expect(await foundIn({ 'r.a': 1, 'r.b': 1, c: 3 })).toEqual([1]);
    expect(await foundIn({ 'r.a': 1, 'r.b': { $lt: 2 } })).toEqual([1]);
    expect(await foundIn({ 'r.a': { $in: [1, 2] }, 'r.b': { $in: [1, 2] } })).toEqual([1]);
    expect(await foundIn({ 'r.a': 1, 'r.b': 3, c: 3 })).toEqual([]);
    const { queryPlanner } = await lists.find({ 'r.a': 1, 'r.b': 1, c: 3 }).explain();
    expect(queryPlanner.winningPlan.inputStage).toMatchObject({ stage: 'IXSCAN', indexName: 'pairs' });
  });

  it('finds many by their ids in the order of the ids, and backwards', async () => {
    const filter = { _id: { $in: [4.5, 2, 'three', 1] } };
    expect(await found(filter)).toEqual(['1', '2', '4.5', '"three"']);
    expect(await found(filter, { sort: { _id: -1 } })).toEqual(['"three"', '4.5', '2', '1']);
    expect(await found(filter, { sort: { b: 1 } })).toEqual(
      await found(filter, { hint: { $natural: 1 }, sort: { b: 1 } }),
    );
  });

  it('explains itself as an index scan', async () => {
    const explained = await rows.find({ a: 1, b: 'x', p: 6 }).explain('executionStats');
    expect(explained.queryPlanner.winningPlan).toMatchObject({
      stage: 'FETCH',
      inputStage: { stage: 'IXSCAN', indexName: 'pair' },
    });
    expect(explained.executionStats).toMatchObject({ totalKeysExamined: 1, totalDocsExamined: 1, nReturned: 1 });
    const sorted = await rows
      .find({ _id: 1 as never })
      .sort({ _id: 1 })
      .explain();
    expect(sorted.queryPlanner.winningPlan.stage).toBe('FETCH');
  });

  it('sees what the same transaction wrote', async () => {
    const many = fixture.client.db('lookups').collection<Document>('chain');
    await many.insertOne({ _id: 0 as never, n: 0 });
    const steps = Array.from({ length: 20 }, (_, n) => ({
      updateOne: { filter: { _id: 0 as never, n }, update: { $inc: { n: 1 } } },
    }));
    expect((await many.bulkWrite(steps)).modifiedCount).toBe(20);
    expect(await many.findOne()).toEqual({ _id: 0, n: 20 });
  });
});

describe('updating what was looked up', () => {
  it('moves the index entries of what changed, and only of that', async () => {
    await rows.updateOne({ _id: 1 as never }, { $set: { b: 'moved' }, $inc: { p: 1 } });
    expect(await found({ a: 1, b: 'x' })).toEqual([]);
    expect(await found({ a: 1, b: 'moved' })).toEqual(['1']);
    expect(await found({ p: { $gt: 5, $lt: 8 } })).toEqual(['1']);
    await rows.updateOne({ _id: 1 as never }, { $set: { b: 'x' }, $inc: { p: -1 } });
    expect(await found({ a: 1, b: 'x' })).toEqual(['1']);
  });

  it('refuses a duplicate with the key that met its like', async () => {
    const clash = rows.updateOne({ _id: 2 as never }, { $set: { b: 'x' } });
    await expect(clash).rejects.toMatchObject({ code: 11000, keyPattern: { a: 1, b: -1 }, keyValue: { a: 1, b: 'x' } });
  });

  it('upserts where nothing was found, with the equalities of the filter', async () => {
    const filter = { a: 8, b: 'new' };
    const change = { $max: { p: 1 }, $setOnInsert: { made: true } };
    expect((await rows.updateOne(filter, change, { upsert: true })).upsertedCount).toBe(1);
    expect((await rows.updateOne(filter, change, { upsert: true })).matchedCount).toBe(1);
    expect(await rows.findOne(filter, { projection: { _id: 0 } })).toEqual({ ...filter, p: 1, made: true });
    await rows.deleteOne(filter);
  });

  it('counts what did not change as matched only', async () => {
    const same = await rows.updateMany({ _id: { $in: [1, 2, 77] as never[] } }, { $unset: { nothing: '' } });
    expect(same).toMatchObject({ matchedCount: 2, modifiedCount: 0 });
  });

  it('refuses a document that becomes too large', async () => {
    const part = 'x'.repeat(9 * 2 ** 20);
    await rows.updateOne({ _id: 2 as never }, { $set: { large: part } });
    const second = rows.updateOne({ _id: 2 as never }, { $set: { larger: part } });
    await expect(second).rejects.toMatchObject({ code: 17419 });
    await rows.updateOne({ _id: 2 as never }, { $unset: { large: '' } });
  });
});
