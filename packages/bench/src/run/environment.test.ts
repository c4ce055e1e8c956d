import { findMongo } from '@confab/testkit';
import { MongoClient } from 'mongodb';
import { expect, test } from 'vitest';
import { dropDatabases } from './environment.ts';

test('the databases of a run are dropped, and no others', async () => {
  const mongo = await findMongo();
  const client = new MongoClient(mongo.url);
  const name = (beginning: string) => `${beginning}${process.pid}_`;
  const [ours, others] = [name('bench_test_'), name('bench_tested_')];
  const kept = async () => {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    return databases.map((database) => database.name).filter((each) => each.startsWith('bench_test'));
  };
  try {
    for (const database of [`${ours}a`, `${ours}b`, `${others}a`])
      await client.db(database).collection('rows').insertOne({ n: 1 });
    expect(await kept()).toEqual(expect.arrayContaining([`${ours}a`, `${ours}b`, `${others}a`]));
    await dropDatabases(mongo.url, ours);
    expect(await kept()).toEqual([`${others}a`]);
  } finally {
    await dropDatabases(mongo.url, others);
    await client.close();
    await mongo.stop();
  }
});
