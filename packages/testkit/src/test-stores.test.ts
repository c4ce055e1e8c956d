import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { expect, test } from 'vitest';
import { testMongo, testRedis } from './test-stores.ts';

test('the MongoDB of this run stores and finds, in a database that nobody else has', async () => {
  const mongo = await testMongo();
  const client = await new MongoClient(mongo.url).connect();
  const [one, two] = [client.db(mongo.dbName()), client.db(mongo.dbName())];
  await one.collection('things').insertOne({ name: 'first' });
  expect(await one.collection('things').findOne({}, { projection: { _id: 0 } })).toEqual({ name: 'first' });
  expect(await two.collection('things').findOne({})).toBeNull();
  await one.dropDatabase();
  await client.close();
});

test('the shared Redis answers, and prefixes differ', async () => {
  await using redis = await testRedis();
  const client = new Redis(redis.url);
  expect(await client.ping()).toBe('PONG');
  expect(redis.keyPrefix()).not.toBe(redis.keyPrefix());
  client.disconnect();
});
