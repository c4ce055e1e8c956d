import { type Collection, type Db, Int32, type MongoBulkWriteError, MongoServerError, ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from './server-fixture.ts';

let fixture: Fixture;
let db: Db;
let made = 0;

beforeAll(async () => {
  fixture = await startFixture({}, { maxPoolSize: 50 });
  db = fixture.client.db('calls');
});

afterAll(() => fixture.stop());

// biome-ignore lint/suspicious/noExplicitAny: documents of every shape
const fresh = (): Collection<any> => db.collection(`c${++made}`);

describe('the official driver', () => {
  it('creates, reads, updates and deletes', async () => {
    const people = fresh();
    const { insertedId } = await people.insertOne({ name: 'ann', age: 30 });
    expect(insertedId).toBeInstanceOf(ObjectId);
    expect((await people.insertMany([{ name: 'bob' }, { name: 'cy' }])).insertedCount).toBe(2);
    expect(await people.findOne({ name: 'ann' })).toEqual({ _id: insertedId, name: 'ann', age: 30 });
    expect(await people.updateOne({ name: 'ann' }, { $inc: { age: 1 } })).toMatchObject({
      matchedCount: 1,
      modifiedCount: 1,
    });
    expect(await people.updateMany({}, { $set: { seen: true } })).toMatchObject({ matchedCount: 3, modifiedCount: 3 });
    expect(await people.replaceOne({ name: 'bob' }, { name: 'rob' })).toMatchObject({ modifiedCount: 1 });
    expect(await people.deleteOne({ name: 'cy' })).toMatchObject({ deletedCount: 1 });
    expect(await people.countDocuments({ seen: true })).toBe(1);
    expect(await people.estimatedDocumentCount()).toBe(2);
    expect((await people.distinct('name')).sort()).toEqual(['ann', 'rob']);
    expect(await people.deleteMany({})).toMatchObject({ deletedCount: 2 });
  });

  it('runs ordered and unordered bulk writes', async () => {
    const items = fresh();
    const done = await items.bulkWrite([
      { insertOne: { document: { _id: 1, n: 1 } } },
      { updateOne: { filter: { _id: 1 }, update: { $inc: { n: 1 } } } },
      { updateOne: { filter: { _id: 2 }, update: { $set: { n: 9 } }, upsert: true } },
      { replaceOne: { filter: { _id: 2 }, replacement: { n: 10 } } },
      { deleteOne: { filter: { _id: 1 } } },
    ]);
    expect(done).toMatchObject({ insertedCount: 1, modifiedCount: 2, upsertedCount: 1, deletedCount: 1 });
    const clash = [{ insertOne: { document: { _id: 2 } } }, { insertOne: { document: { _id: 3 } } }];
    const ordered = await items.bulkWrite(clash).catch((error: MongoBulkWriteError) => error);
    expect(ordered).toMatchObject({ code: 11000, insertedCount: 0 });
    const unordered = await items.bulkWrite(clash, { ordered: false }).catch((error: MongoBulkWriteError) => error);
    expect(unordered).toMatchObject({ code: 11000, insertedCount: 1 });
  });

  it('finds one and updates, replaces, deletes it', async () => {
    const items = fresh();
    await items.insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ]);
    expect(await items.findOneAndUpdate({ _id: 1 }, { $inc: { n: 5 } }, { returnDocument: 'after' })).toEqual({
      _id: 1,
      n: 6,
    });
    expect(await items.findOneAndReplace({ _id: 1 }, { n: 0 })).toEqual({ _id: 1, n: 6 });
    expect(await items.findOneAndDelete({}, { sort: { n: -1 } })).toEqual({ _id: 2, n: 2 });
    expect(await items.findOneAndUpdate({ _id: 9 }, { $set: { n: 1 } })).toBeNull();
  });

  it('gives 50 connections that increment one counter 50 distinct values', async () => {
    const counters = fresh();
    const calls = Array.from({ length: 50 }, () =>
      counters.findOneAndUpdate({ _id: 'seq' }, { $inc: { n: 1 } }, { upsert: true, returnDocument: 'after' }),
    );
    const values = (await Promise.all(calls)).map((document) => document!.n);
    expect(new Set(values).size).toBe(50);
    expect(Math.max(...values)).toBe(50);
  });

  it('lets one of many racing upserts insert', async () => {
    const members = fresh();
    await members.createIndex({ conversationId: 1, userId: 1 }, { unique: true });
    const race = Array.from({ length: 50 }, (_, readSeq) =>
      members.updateOne({ conversationId: 1, userId: 'u' }, { $max: { readSeq } }, { upsert: true }),
    );
    const results = await Promise.all(race);
    expect(results.filter(({ upsertedCount }) => upsertedCount === 1)).toHaveLength(1);
    expect(await members.find().toArray()).toMatchObject([{ readSeq: 49 }]);
  });

  it('streams a large result in batches', async () => {
    const items = fresh();
    await items.insertMany(Array.from({ length: 2500 }, (_, i) => ({ _id: i, text: 'x'.repeat(100) })));
    const cursor = items.find({}, { batchSize: 100 }).sort({ _id: -1 });
    const seen: number[] = [];
    for await (const { _id } of cursor) seen.push(_id);
    expect(seen).toEqual(Array.from({ length: 2500 }, (_, i) => 2499 - i));
  });

  it('keeps a batch below 16 MB', async () => {
    const items = fresh();
    const text = 'y'.repeat(3_000_000);
    for (let i = 0; i < 7; i++) await items.insertOne({ _id: i, text });
    const cursor = items.find();
    expect(await cursor.hasNext()).toBe(true);
    expect(cursor.bufferedCount()).toBe(5);
    expect(await cursor.toArray()).toHaveLength(7);
  });

  it('reads on after documents were deleted between batches', async () => {
    const items = fresh();
    await items.insertMany(Array.from({ length: 300 }, (_, i) => ({ _id: i })));
    const cursor = items.find({}, { batchSize: 100 }).sort({ _id: 1 });
    await cursor.next();
    await items.deleteMany({ _id: { $gte: 200 } });
    expect(await cursor.toArray()).toHaveLength(199);
  });

  it('names the key of a duplicate', async () => {
    const items = fresh();
    await items.createIndex({ a: 1, b: -1 }, { unique: true });
    await items.insertOne({ a: 1, b: 'x' });
    const error = await items.insertOne({ a: 1, b: 'x' }).catch((e: MongoServerError) => e);
    expect(error).toBeInstanceOf(MongoServerError);
    expect(error).toMatchObject({ code: 11000, keyPattern: { a: 1, b: -1 }, keyValue: { a: 1, b: 'x' } });
  });

  it('refuses transactions and change streams with MongoDB’s errors', async () => {
    const items = fresh();
    const session = fixture.client.startSession();
    session.startTransaction();
    await expect(items.insertOne({ a: 1 }, { session })).rejects.toMatchObject({ originalError: { code: 20 } });
    await session.endSession();
    await expect(items.watch().next()).rejects.toMatchObject({ code: 40573 });
    expect(await items.countDocuments()).toBe(0);
  });

  it('accepts sessions, hints, comments and variables', async () => {
    const items = fresh();
    await items.createIndex({ a: 1 });
    await fixture.client.withSession(async (session) => {
      await items.insertOne({ _id: 1, a: 1 }, { session, comment: 'why' });
      const found = items.find(
        { $expr: { $eq: ['$a', '$$want'] } },
        { session, hint: 'a_1', let: { want: 1 }, comment: 'x' },
      );
      expect(await found.toArray()).toEqual([{ _id: 1, a: 1 }]);
    });
  });

  it('does not answer a write that wants no answer', async () => {
    const items = fresh();
    await items.insertOne({ _id: 1 }, { writeConcern: { w: 0 } });
    expect(await items.insertOne({ _id: 2 })).toMatchObject({ acknowledged: true });
    expect(await items.countDocuments()).toBe(2);
  });

  it('stops a query at its time limit', async () => {
    const items = fresh();
    await items.insertMany(Array.from({ length: 2000 }, (_, i) => ({ _id: i, text: 'abc'.repeat(50) })));
    const slow = items.aggregate(
      [{ $lookup: { from: items.collectionName, pipeline: [{ $match: { text: /zzz/ } }], as: 'x' } }],
      { maxTimeMS: 50 },
    );
    await expect(slow.toArray()).rejects.toMatchObject({ code: 50 });
  });

  it('refuses a sort that does not fit into 100 MB', async () => {
    const items = fresh();
    const text = 'z'.repeat(4_000_000);
    for (let i = 0; i < 27; i++) await items.insertOne({ i, text });
    await expect(items.find().sort({ i: -1 }).toArray()).rejects.toMatchObject({ code: 292 });
    expect(await items.find().sort({ i: -1 }).limit(2).toArray()).toHaveLength(2);
  });

  it('lists databases, collections and indexes', async () => {
    const other = fixture.client.db('listed');
    await other.collection('one').createIndex({ a: 1 }, { sparse: true });
    await other.createCollection('two');
    expect((await other.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort()).toEqual([
      'one',
      'two',
    ]);
    expect(await other.collection('one').indexes()).toMatchObject([{ name: '_id_' }, { name: 'a_1', sparse: true }]);
    expect((await fixture.client.db().admin().listDatabases()).databases.map(({ name }) => name)).toContain('listed');
    await other.dropDatabase();
    expect(await other.listCollections().toArray()).toEqual([]);
  });

  it('keeps the types of numbers', async () => {
    const items = fresh();
    await items.insertOne({ _id: 1, n: new Int32(1), f: 1.5 });
    await items.updateOne({ _id: 1 }, { $inc: { n: 2 } });
    const typed = await items.findOne({ _id: 1 }, { promoteValues: false });
    expect(typed!.n).toBeInstanceOf(Int32);
  });
});
