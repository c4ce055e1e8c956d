import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Document, Int32 } from 'bson';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeTyped, encodeTyped } from '../bson/typed-values.ts';
import { Engine } from '../engine.ts';
import { executeRequest } from './registry.ts';

describe('beside a job that breaks, and takes its transaction with it', () => {
  let folder: string;
  let engine: Engine;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rolled-back-'));
    engine = new Engine({ dataDir: folder });
    await run({ insert: 'c', documents: Array.from({ length: 300 }, (_, i) => ({ _id: new Int32(i) })) });
  });

  afterEach(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (command: Document): Promise<Document> => {
    const body = encodeTyped({ ...command, $db: 'd' });
    const request = { requestId: 1, body, sequences: new Map(), expectsReply: true, legacy: false };
    return decodeTyped(await executeRequest(engine, request, 1));
  };
  const breakJob = async () => {
    const broken = engine.store.writer.write(() => {
      throw new TypeError('a defect');
    }, true);
    await expect(broken).rejects.toMatchObject({ code: 1 });
  };

  it('a delete removes what it says that it removed', async () => {
    const removing = run({ delete: 'c', deletes: [{ q: {}, limit: new Int32(0) }] });
    await breakJob();
    expect(await removing).toMatchObject({ n: new Int32(300) });
    expect(await run({ count: 'c', query: { _id: { $gte: new Int32(0) } } })).toMatchObject({ n: new Int32(0) });
  });

  it('a cursor does not end early', async () => {
    const { cursor } = await run({ find: 'c', batchSize: new Int32(10) });
    await breakJob();
    await expect(run({ getMore: cursor.id, collection: 'c' })).rejects.toMatchObject({ code: 175 });
  });
});

describe('an update that fails', () => {
  it('counts no document as matched', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rolled-back-'));
    const engine = new Engine({ dataDir: folder });
    const body = encodeTyped({
      update: 'c',
      updates: [
        { q: { _id: new Int32(1) }, u: { _id: new Int32(1), a: 'text' }, upsert: true },
        { q: { _id: new Int32(1) }, u: { $inc: { a: new Int32(1) } } },
      ],
      $db: 'd',
    });
    const request = { requestId: 1, body, sequences: new Map(), expectsReply: true, legacy: false };
    const reply = decodeTyped(await executeRequest(engine, request, 1));
    expect(reply).toMatchObject({ n: new Int32(1), writeErrors: [{ index: new Int32(1) }] });
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
