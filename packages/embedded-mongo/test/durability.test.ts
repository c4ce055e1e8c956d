import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { crashRound } from '../proof/crash-round.ts';
import { launch, startProcess } from '../proof/server-process.ts';
import { DataFolderError, startEmbeddedMongo } from '../src/index.ts';
import { startFixture } from './server-fixture.ts';

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'embedded-mongo-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('durability', () => {
  it('has every acknowledged insert after kill -9, three rounds', { timeout: 120_000 }, async () => {
    await inFolder(async (folder) => {
      for (let round = 1; round <= 3; round++) {
        const outcome = await crashRound(folder, round, 1000, 100 + Math.floor(Math.random() * 700));
        expect(outcome.acknowledged).toBeGreaterThan(0);
        expect(outcome).toMatchObject({ lost: 0, inconsistent: 0 });
      }
    });
  });

  it('keeps documents, indexes and counts over a restart', async () => {
    let fixture = await startFixture();
    const before = fixture.client.db('d').collection('c');
    await before.createIndex({ a: 1 }, { unique: true, name: 'a' });
    await before.insertMany([{ a: 1 }, { a: [2, 3] }]);
    await fixture.client.db('d').collection('gone').insertOne({ x: 1 });
    await fixture.client.db('d').collection('gone').drop();
    fixture = await fixture.restart();
    const after = fixture.client.db('d').collection('c');
    expect(await after.estimatedDocumentCount()).toBe(2);
    expect(await after.find({ a: 3 }).hint('a').toArray()).toHaveLength(1);
    await expect(after.insertOne({ a: 2 })).rejects.toMatchObject({ code: 11000 });
    expect((await fixture.client.db('d').listCollections().toArray()).map(({ name }) => name)).toEqual(['c']);
    await fixture.stop();
  });
});

describe('the data folder', () => {
  it('serves one process: the second gets one line and exit code 1', async () => {
    await inFolder(async (folder) => {
      const first = await startProcess(folder);
      const { code, stderr } = await launch(['--port', '0', '--data', folder]).outcome;
      expect(code).toBe(1);
      expect(stderr.trim().split('\n')).toEqual([`data folder ${folder} is in use by process ${first.pid}`]);
      await first.end('SIGTERM');
    });
  });

  it('is free again after kill -9', async () => {
    await inFolder(async (folder) => {
      await (await startProcess(folder)).end('SIGKILL');
      await (await startProcess(folder)).end('SIGTERM');
    });
  });

  it('serves one server of a process', async () => {
    const fixture = await startFixture();
    const second = startEmbeddedMongo({ dataDir: fixture.folder, port: 0 });
    await expect(second).rejects.toBeInstanceOf(DataFolderError);
    await fixture.stop();
  });

  it('must be writable: one line and exit code 1', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      const { code, stderr } = await launch(['--port', '0', '--data', join(folder, 'file', 'data')]).outcome;
      expect(code).toBe(1);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toContain('is not writable');
    });
  });

  it('is named on the command line', async () => {
    const { code, stderr } = await launch(['--port', '0']).outcome;
    expect(code).toBe(1);
    expect(stderr).toContain('usage:');
  });

  it('says that a port is taken', async () => {
    await inFolder(async (folder) => {
      const fixture = await startFixture();
      const { code, stderr } = await launch(['--port', String(fixture.server.port), '--data', folder]).outcome;
      expect(code).toBe(1);
      expect(stderr).toContain('EADDRINUSE');
      await fixture.stop();
    });
  });
});

describe('time', () => {
  it('removes documents of a TTL index', async () => {
    const fixture = await startFixture({ ttlIntervalMs: 20 });
    const sessions = fixture.client.db('t').collection('sessions');
    await sessions.createIndex({ at: 1 }, { expireAfterSeconds: 1000 });
    await sessions.insertMany([
      { _id: 1 as never, at: new Date(Date.now() - 2_000_000) },
      { _id: 2 as never, at: new Date() },
      { _id: 3 as never, at: 'never' },
    ]);
    await expect.poll(() => sessions.countDocuments(), { timeout: 10_000 }).toBe(2);
    expect((await sessions.find().toArray()).map(({ _id }) => _id)).toEqual([2, 3]);
    await fixture.stop();
  });

  it('forgets a cursor that nobody reads', async () => {
    const fixture = await startFixture({ cursorTimeoutMs: 100 });
    const items = fixture.client.db('t').collection('items');
    await items.insertMany(Array.from({ length: 10 }, (_, i) => ({ i })));
    const cursor = items.find({}, { batchSize: 2 });
    await cursor.next();
    const open = async () =>
      Number((await fixture.client.db('admin').command({ serverStatus: 1 })).metrics.cursor.open.total);
    await expect.poll(open, { timeout: 10_000 }).toBe(0);
    await expect(cursor.toArray()).rejects.toMatchObject({ code: 43 });
    await fixture.stop();
  });
});

it('shows nobody what a crash could undo', async () => {
  await inFolder(async (folder) => {
    const server = await startProcess(folder);
    const client = new MongoClient(server.url);
    const items = client.db('d').collection('items');
    await items.insertOne({ _id: 'durable' as never }, { writeConcern: { w: 'majority' } });
    await items.insertOne({ _id: 'seen' as never }, { writeConcern: { w: 1 } });
    expect(await items.countDocuments({})).toBe(2);
    await server.end('SIGKILL');
    await client.close().catch(() => undefined);

    const again = await startProcess(folder);
    const after = new MongoClient(again.url);
    expect(await after.db('d').collection('items').countDocuments({})).toBe(2);
    await after.close();
    await again.end('SIGTERM');
  });
});
