import { type MessageRepository, markBefore } from '@confab/chat';
import type { Filter } from 'mongodb';

import type { Collections } from './collections.ts';
import { type MessageDoc, oid, toMessage } from './documents.ts';
import { guarded } from './failures.ts';
import { historyFilter, historySort } from './history-opening.ts';
import { createMessageInserts } from './message-inserts.ts';
import { aggregateRows, findRow, findRows } from './plain-reads.ts';
import type { PrimaryChanges } from './primary-changes.ts';
import { countRows, countUnread } from './range-counts.ts';
import { fillVoid } from './void-records.ts';

const PRIMARY_ONLY = { writeConcern: { w: 1 } } as const;

export function createMessageRepository(collections: Collections, primary: PrimaryChanges): MessageRepository {
  const { messages } = collections;
  return { ...readers(collections), ...writers(collections, primary), ...housekeeping(messages) };
}

type Messages = Collections['messages'];

function readers(collections: Collections) {
  const { db, messages } = collections;
  const find = (filter: Filter<MessageDoc>, sort: Record<string, 1 | -1>, limit: number) =>
    guarded(() => findRows(db, messages, filter, { sort, limit }));
  const count = (filter: Filter<MessageDoc>) =>
    guarded(async () => {
      const sum = [{ $match: filter }, { $group: { _id: 1, n: { $sum: 1 } } }];
      const [counted] = await aggregateRows<{ n: number }>(db, messages, sum);
      return counted?.n ?? 0;
    });

  return {
    findById: (id) =>
      guarded(async () => {
        const doc = await findRow(db, messages, { _id: oid(id), void: { $exists: false } });
        return doc && toMessage(doc);
      }),
    findByIds: (conversationId, ids) =>
      guarded(async () => {
        const filter = {
          _id: { $in: ids.map(oid) },
          conversationId: oid(conversationId),
          void: { $exists: false },
        } as const;
        return (await messages.find(filter).toArray()).map(toMessage);
      }),
    history: (query) =>
      guarded(async () => {
        const { skip, limit } = query;
        const sort = historySort(query);
        return (await findRows(db, messages, historyFilter(query), { sort, skip, limit })).map(toMessage);
      }),
    countVoids: (conversationId, aboveSeq) =>
      // without a bound on seq the index alone has the answer
      count({
        ...{ conversationId: oid(conversationId), void: true },
        ...(aboveSeq > 0 && { seq: { $gt: aboveSeq } }),
      }),
    countHidden: (conversationId, userId, aboveSeq) =>
      count({ conversationId: oid(conversationId), seq: { $gt: aboveSeq }, deletedFor: userId }),
    countUnread: (userId, ranges) => countUnread(collections, userId, ranges),
    countRows: (ranges) => countRows(collections, ranges),
    range: async (conversationId, fromSeq, toSeq, limit) => {
      const filter = { conversationId: oid(conversationId), seq: { $gt: fromSeq, $lte: toSeq } };
      return (await find(filter, { seq: 1 }, limit)).map((doc) => ({ ...toMessage(doc), void: doc.void === true }));
    },
    stampedSince: async (conversationId, fromChangeSeq, toSeq, limit) => {
      const filter = { conversationId: oid(conversationId), changeSeq: { $gt: fromChangeSeq }, seq: { $lte: toSeq } };
      return (await find(filter, { changeSeq: 1 }, limit)).map(toMessage);
    },
    marked: async (conversationId, toSeq, limit) => {
      // marks are strings: an empty array, which stays behind after the last mark is pulled, is none
      const filter = { conversationId: oid(conversationId), changing: { $gt: '' }, seq: { $lte: toSeq } };
      return (await find(filter, { seq: 1 }, limit)).map(toMessage);
    },
    findByClientId: (conversationId, senderId, clientMessageId) =>
      guarded(async () => {
        const doc = await messages.findOne({ conversationId: oid(conversationId), senderId, clientMessageId });
        return doc && toMessage(doc);
      }),
    newest: (conversationId) =>
      guarded(async () => {
        const filter = { conversationId: oid(conversationId), void: { $exists: false } } as const;
        const doc = await messages.findOne(filter, { sort: { seq: -1 } });
        return doc && toMessage(doc);
      }),
    authors: (conversationId, fromSeq, toSeq, limit) =>
      guarded(async () => {
        const docs = await messages
          .find(
            {
              conversationId: oid(conversationId),
              seq: { $gt: fromSeq, $lte: toSeq },
              void: { $exists: false },
              deletedAt: null,
            },
            { projection: { seq: 1, senderId: 1 } },
          )
          .sort({ seq: -1 })
          .limit(limit)
          .toArray();
        return docs.map((d) => ({ messageId: d._id.toHexString(), seq: d.seq, senderId: d.senderId }));
      }),
    presentSeqs: (ranges) =>
      guarded(async () => {
        const present = new Map(ranges.map((r) => [r.conversationId, new Map<number, { void: boolean }>()]));
        if (ranges.length === 0) return present;
        const cursor = messages.find(
          {
            $or: ranges.map((r) => ({ conversationId: oid(r.conversationId), seq: { $gt: r.fromSeq, $lte: r.toSeq } })),
          },
          { projection: { _id: 0, conversationId: 1, seq: 1, void: 1 } },
        );
        for await (const doc of cursor)
          present.get(doc.conversationId.toHexString())?.set(doc.seq, { void: doc.void === true });
        return present;
      }),
  } satisfies Partial<MessageRepository>;
}

function writers(collections: Collections, primary: PrimaryChanges) {
  const { messages } = collections;
  return {
    insert: createMessageInserts(collections, primary),
    fillVoid: (conversationId, seq, now) => guarded(() => fillVoid(messages, conversationId, seq, now)),
    deleteForEveryone: (id, token, now) =>
      guarded(async () => {
        const done = await messages.updateOne(
          { _id: oid(id), deletedAt: null },
          { $set: { deletedAt: now, text: null, media: [], updatedAt: now }, $push: { changing: token } },
        );
        return done.modifiedCount === 1;
      }),
    deleteFor: (id, userId, token) =>
      guarded(async () => {
        const done = await messages.updateOne(
          { _id: oid(id), deletedFor: { $ne: userId } },
          { $addToSet: { deletedFor: userId }, $push: { changing: token } },
        );
        return done.modifiedCount === 1;
      }),
    stamp: (id, token, changeSeq) =>
      guarded(
        async () =>
          void (await messages.updateOne({ _id: oid(id) }, { $max: { changeSeq }, $pull: { changing: token } })),
      ),
    setThumbnail: (messageIds, mediaId) =>
      guarded(async () => {
        const filter = { _id: { $in: messageIds.map(oid) }, 'media.mediaId': mediaId };
        await messages.updateMany(filter, { $set: { 'media.$.thumbnail': true } });
      }),
    clearUnpublished: (ids) =>
      guarded(async () => {
        await messages.updateMany({ _id: { $in: ids.map(oid) } }, { $unset: { unpublished: '' } }, PRIMARY_ONLY);
      }),
  } satisfies Partial<MessageRepository>;
}

function housekeeping(messages: Messages) {
  return {
    findUnpublished: (before, limit) =>
      guarded(async () => {
        const filter = { unpublished: true, createdAt: { $lt: before } } as const;
        return (await messages.find(filter).sort({ createdAt: 1 }).limit(limit).toArray()).map(toMessage);
      }),
    findStaleMarks: (before, limit) =>
      guarded(async () => {
        const docs = await messages
          .find(
            { changing: { $lt: markBefore(before) } },
            { projection: { conversationId: 1, changing: 1, deletedAt: 1 } },
          )
          .limit(limit)
          .toArray();
        return docs.map((doc) => ({
          deletedForEveryone: doc.deletedAt !== null,
          id: doc._id.toHexString(),
          conversationId: doc.conversationId.toHexString(),
          tokens: (doc.changing ?? []).filter((token) => token < markBefore(before)),
        }));
      }),
  } satisfies Partial<MessageRepository>;
}
