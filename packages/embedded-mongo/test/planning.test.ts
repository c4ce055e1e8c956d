import { type Collection, type Document, ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from './server-fixture.ts';

let fixture: Fixture;
let messages: Collection;
let conversations: Collection;
const conversationId = new ObjectId();

beforeAll(async () => {
  fixture = await startFixture();
  const db = fixture.client.db('plans');
  messages = db.collection('messages');
  conversations = db.collection('conversations');
  await messages.createIndexes([
    { key: { conversationId: 1, seq: 1 }, name: 'history', unique: true },
    {
      key: { conversationId: 1, senderId: 1, clientMessageId: 1 },
      name: 'client',
      unique: true,
      partialFilterExpression: { clientMessageId: { $exists: true } },
    },
    { key: { unpublished: 1 }, name: 'outbox', partialFilterExpression: { unpublished: true } },
    {
      key: { conversationId: 1, changing: 1 },
      name: 'changing',
      partialFilterExpression: { changing: { $exists: true } },
    },
    { key: { conversationId: 1, changeSeq: 1 }, name: 'changes' },
  ]);
  await conversations.createIndex({ participants: 1, lastMessageAt: -1 }, { name: 'inbox' });
  await messages.insertMany(
    Array.from({ length: 500 }, (_, i) => ({
      conversationId,
      seq: i,
      changeSeq: i,
      senderId: i % 2 ? 'a' : 'b',
      clientMessageId: `m${i}`,
      ...(i < 3 ? { unpublished: true } : {}),
      ...(i === 7 ? { changing: ['t1', 't2'] } : {}),
    })),
  );
  await conversations.insertMany(
    Array.from({ length: 100 }, (_, i) => ({ participants: ['ann', `user${i}`], lastMessageAt: new Date(i) })),
  );
});

afterAll(() => fixture.stop());

/** The stages of a plan from the outside in, and what it looked at. */
async function planOf(cursor: { explain(verbosity: 'executionStats'): Promise<Document> }) {
  const { queryPlanner, executionStats } = await cursor.explain('executionStats');
  const stages: string[] = [];
  let indexName: string | undefined;
  for (let stage = queryPlanner.winningPlan; stage; stage = stage.inputStage ?? stage.inputStages?.[0]) {
    stages.push(stage.stage);
    indexName = stage.indexName ?? indexName;
  }
  return {
    stages,
    indexName,
    keys: Number(executionStats.totalKeysExamined),
    documents: Number(executionStats.totalDocsExamined),
    returned: Number(executionStats.nReturned),
  };
}

describe('plans of a chat', () => {
  it('finds the same by branches of one form as by a scan, whatever values are among them', async () => {
    const branch = (seq: object | number | null) => ({ conversationId, seq });
    const lists = [
      [branch({ $gt: 495 }), branch({ $gt: 10, $lt: 12 }), branch({ $gt: 498 })],
      [branch({ $gt: Number.NaN }), branch({ $gt: 495 }), branch({ $gt: 490.5 }), branch({ $gt: null })],
      [branch({ $gt: 495 }), branch({ $gt: Number.NaN }), branch({ $gte: 499 }), branch({ $lt: 3 })],
      [branch(7), branch(null), branch(9), branch({ $gt: 'x' }), { conversationId: null, seq: 3 }],
      [{ seq: { $gt: 497 }, conversationId }, branch({ $gt: 497 }), { ...branch({ $gt: 3 }), senderId: 'nobody' }],
      [branch({ $gt: 497 }), { conversationId }, branch({ $not: { $gt: 3 } })],
    ];
    for (const $or of lists) {
      const filter = { $or, void: { $ne: true } };
      const ids = async (hint?: { $natural: 1 }) =>
        (
          await messages
            .find(filter, hint && { hint })
            .sort({ _id: 1 })
            .toArray()
        ).map(({ _id }) => String(_id));
      expect(await ids()).toEqual(await ids({ $natural: 1 }));
    }
  });

  it('finds by branches of one form on an index with descending fields', async () => {
    const scores = fixture.client.db('plans').collection('scores');
    await scores.createIndex({ game: -1, score: -1 });
    await scores.insertMany(Array.from({ length: 60 }, (_, i) => ({ game: `g${i % 3}`, score: i / 2 })));
    const branch = (game: string, score: object | number) => ({ game, score });
    const lists = [
      [branch('g0', { $gt: 20 }), branch('g1', { $gt: 25 }), branch('g2', { $gt: -1 }), branch('g9', { $gt: 0 })],
      [branch('g0', { $lte: 4.5 }), branch('g1', { $lte: 3 }), branch('g1', { $lte: 9 })],
      [branch('g0', 3), branch('g1', 5), branch('g2', 4), branch('g2', 5)],
      [{ game: 'g0' }, { game: 'g2' }],
    ];
    for (const $or of lists) {
      const ids = async (hint?: { $natural: 1 }) =>
        (await scores.find({ $or }, hint && { hint }).toArray()).map(({ _id }) => String(_id)).sort();
      expect(await ids()).toEqual(await ids({ $natural: 1 }));
      expect((await ids()).length).toBeGreaterThan(0);
      expect(await planOf(scores.find({ $or }))).toMatchObject({ indexName: 'game_-1_score_-1' });
    }
  });

  it('reads a history page from the index in order', async () => {
    const page = messages
      .find({ conversationId, seq: { $gt: 100, $lt: 400 }, void: { $ne: true }, deletedFor: { $ne: 'a' } })
      .sort({ seq: -1 })
      .limit(50);
    expect(await planOf(page)).toMatchObject({
      stages: ['LIMIT', 'FETCH', 'IXSCAN'],
      indexName: 'history',
      documents: 50,
      returned: 50,
    });
    expect((await page.toArray()).map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => 399 - i));
  });

  it('finds an inbox by participant in order of time', async () => {
    const inbox = conversations.find({ participants: 'ann' }).sort({ lastMessageAt: -1 }).limit(10);
    expect(await planOf(inbox)).toMatchObject({
      stages: ['LIMIT', 'FETCH', 'IXSCAN'],
      indexName: 'inbox',
      documents: 10,
    });
    expect((await inbox.toArray()).map(({ lastMessageAt }) => lastMessageAt.getTime())).toEqual(
      Array.from({ length: 10 }, (_, i) => 99 - i),
    );
  });

  it('uses a partial index where the query implies its filter', async () => {
    expect(await planOf(messages.find({ unpublished: true }))).toMatchObject({ indexName: 'outbox', documents: 3 });
    expect(await planOf(messages.find({ conversationId, changing: { $exists: true } }))).toMatchObject({
      indexName: 'changing',
      returned: 1,
    });
    expect(await planOf(messages.find({ conversationId, senderId: 'a', clientMessageId: 'm5' }))).toMatchObject({
      indexName: 'client',
      documents: 1,
    });
  });

  it('does not use a partial index where it might miss documents', async () => {
    expect(await planOf(messages.find({ unpublished: { $exists: false } }))).toMatchObject({
      stages: ['COLLSCAN'],
      returned: 497,
    });
  });

  it('joins the ranges of $or', async () => {
    const changes = messages.find({
      $or: [
        { conversationId, changeSeq: { $gt: 495 } },
        { conversationId, changing: { $exists: true } },
      ],
    });
    expect(await planOf(changes)).toMatchObject({ stages: ['FETCH', 'OR', 'FETCH', 'IXSCAN'], documents: 5 });
    expect(await changes.toArray()).toHaveLength(5);
  });

  it('pushes the other conditions into the branches of $or', async () => {
    const changes = messages.find({
      conversationId,
      $or: [{ changeSeq: { $gt: 495 } }, { changing: { $exists: true } }],
    });
    expect(await planOf(changes)).toMatchObject({ documents: 5 });
  });

  it('scans the ranges of one index at once, and each document once', async () => {
    const parts = messages.find({
      $or: [
        { conversationId, seq: { $gte: 10, $lt: 20 } },
        { conversationId, seq: { $gt: 490 } },
        { conversationId, seq: { $gte: 15, $lte: 24 } },
        { conversationId: new ObjectId(), seq: { $gt: 0 } },
      ],
      senderId: { $ne: 'a' },
    });
    expect(await planOf(parts)).toMatchObject({ stages: ['FETCH', 'IXSCAN'], indexName: 'history', documents: 24 });
    const expected = [...Array.from({ length: 15 }, (_, i) => 10 + i), ...Array.from({ length: 9 }, (_, i) => 491 + i)];
    expect((await parts.toArray()).map(({ seq }) => seq)).toEqual(expected.filter((seq) => seq % 2 === 0));
  });

  it('tests what only some branches of $or leave open', async () => {
    const parts = messages.find({
      $or: [
        { conversationId, seq: { $gte: 10, $lt: 20 }, senderId: 'a' },
        { conversationId, seq: { $gte: 30, $lt: 40 } },
        { conversationId, seq: { $gte: 30, $lt: 34 }, senderId: 'nobody' },
      ],
    });
    expect(await planOf(parts)).toMatchObject({ returned: 15 });
    expect((await parts.toArray()).map(({ seq }) => seq).sort()).toEqual([
      ...[11, 13, 15, 17, 19],
      ...Array.from({ length: 10 }, (_, i) => 30 + i),
    ]);
  });

  it('merges the ranges of $in into one order', async () => {
    const other = new ObjectId();
    await messages.insertMany([{ conversationId: other, seq: 250.5, clientMessageId: 'x' }]);
    const both = messages
      .find({ conversationId: { $in: [conversationId, other] }, seq: { $gte: 249, $lte: 252 } })
      .sort({ seq: 1 });
    expect(await planOf(both)).toMatchObject({ stages: ['FETCH', 'SORT_MERGE', 'IXSCAN'], indexName: 'history' });
    expect((await both.toArray()).map(({ seq }) => seq)).toEqual([249, 250, 250.5, 251, 252]);
    await messages.deleteMany({ conversationId: other });
  });

  it('finds by ids without a scan', async () => {
    const ids = (await messages.find().limit(5).toArray()).map(({ _id }) => _id);
    expect(await planOf(messages.find({ _id: { $in: ids } }))).toMatchObject({ indexName: '_id_', documents: 5 });
  });

  it('says so when it scans', async () => {
    expect(await planOf(messages.find({ content: 'x' }))).toMatchObject({ stages: ['COLLSCAN'], documents: 500 });
  });

  it('gives a multikey document once', async () => {
    const tags = fixture.client.db('plans').collection('tags');
    await tags.createIndex({ t: 1 });
    await tags.insertOne({ t: [1, 2, 3] });
    expect(await tags.find({ t: { $gte: 1 } }).toArray()).toHaveLength(1);
    expect(await tags.countDocuments({ t: { $in: [1, 3] } })).toBe(1);
    expect(await tags.countDocuments({ $or: [{ t: 1 }, { t: { $gt: 2 } }] })).toBe(1);
  });
});
