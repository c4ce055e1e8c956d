import { env, pid } from 'node:process';
import { type Db, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cases } from '../conformance/cases/index.ts';
import { disagreementOn } from '../conformance/disagreements.ts';
import { runCase } from '../conformance/run-case.ts';
import { serversOf, type TestServer } from '../conformance/servers.ts';

it('has at least 300 cases with names of their own', () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  expect(cases.length).toBeGreaterThanOrEqual(300);
});

for (const { name, start } of serversOf(env)) {
  describe(`conformance of ${name}`, () => {
    let server: TestServer;
    let client: MongoClient;
    let db: Db;
    let modules: string[];

    beforeAll(async () => {
      server = await start();
      client = new MongoClient(server.url);
      db = client.db(`conformance_${pid}`);
      modules = (await client.db('admin').command({ buildInfo: 1 })).modules ?? [];
    });

    afterAll(async () => {
      await db?.dropDatabase();
      await client?.close();
      await server?.stop();
    });

    it.each(cases.map((test, number) => ({ name: test.name, test, number })))('$name', async ({ test, number }) => {
      const difference = await runCase(db, test, `c${number}`);
      const known = disagreementOn(modules, test.name);
      if (known) expect(difference, `listed as differing (${known.reason}), but agrees now`).toBeDefined();
      else expect(difference).toBeUndefined();
    });
  });
}
