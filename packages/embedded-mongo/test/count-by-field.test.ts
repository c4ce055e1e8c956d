import { Binary, Decimal128, type Document, Double, Int32, Long, ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Fixture, startFixture } from './server-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

it('counts by a field of any type as a group that sums something else too', async () => {
  const id = new ObjectId();
  const values: unknown[] = [
    ...[1, 1.5, new Int32(1), Long.fromNumber(1), Decimal128.fromString('1'), 2, 'a', 'a', 'b', '', null, null],
    ...[
      id,
      ObjectId.createFromHexString(id.toHexString()),
      new ObjectId(),
      true,
      false,
      true,
      new Date(5),
      new Date(5),
    ],
    ...[[1, 2], [1, 2], [], { x: 1 }, { x: 1 }, { x: 2 }, new Binary(Buffer.from('z')), /a/, /a/i],
  ];
  const things = fixture.client.db('counting').collection('things');
  await things.insertMany([...values.map((v) => ({ v })), {}, { w: 1 }]);
  const counts = (more: Document) =>
    things.aggregate([{ $group: { _id: '$v', n: { $sum: 1 }, ...more } }], { promoteValues: false }).toArray();
  const general = await counts({ none: { $sum: 0 } });
  expect(general.length).toBeGreaterThan(15);
  expect(await counts({})).toEqual(general.map(({ none: _none, ...group }) => group));
  const few = [
    { $match: { v: 'a' } },
    { $group: { _id: '$v', n: { $sum: 1 } } },
    { $project: { twice: { $add: ['$n', '$n'] } } },
  ];
  expect(await things.aggregate(few).toArray()).toEqual([{ _id: 'a', twice: 4 }]);
  expect(
    await things.aggregate([{ $match: { v: 'none' } }, { $group: { _id: '$v', n: { $sum: 1 } } }]).toArray(),
  ).toEqual([]);
});

it('counts values that come in turns, and runs of values that are equal but not alike', async () => {
  const turns = fixture.client.db('counting').collection('turns');
  const values = [1, 1, new Double(1), Long.fromNumber(1), 1, 'a', 'a', 'b', 'a', null, undefined, null, 1];
  await turns.insertMany(values.map((v) => ({ v })));
  const counted = await turns.aggregate([{ $group: { _id: '$v', n: { $sum: 1 } } }]).toArray();
  expect(counted).toEqual([
    { _id: 1, n: 6 },
    { _id: 'a', n: 3 },
    { _id: 'b', n: 1 },
    { _id: null, n: 3 },
  ]);
});

it('counts more groups than one batch holds, and hands them to further stages', async () => {
  const many = fixture.client.db('counting').collection('many');
  await many.insertMany(Array.from({ length: 3_000 }, (_, i) => ({ v: `group ${i % 700}`, odd: i % 2 === 1 })));
  const stages = [{ $match: { odd: true } }, { $group: { _id: '$v', n: { $sum: 1 } } }];
  const counted = await many.aggregate(stages, { batchSize: 7 }).toArray();
  expect(new Map(counted.map(({ _id, n }) => [_id, n])).size).toBe(350);
  expect(counted.reduce((sum, { n }) => sum + n, 0)).toBe(1_500);
  const [most] = await many.aggregate([...stages, { $sort: { n: -1, _id: 1 } }, { $limit: 1 }]).toArray();
  expect(most).toEqual({ _id: 'group 1', n: 5 });
});
