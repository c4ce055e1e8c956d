import type { MediaRepository } from '@confab/chat';
import type { Filter } from 'mongodb';
import type { Collections } from './collections.ts';
import { fromMedia, type MediaDoc, oid, toMedia } from './documents.ts';
import { guarded, isDuplicateKey, isUnknownResult } from './failures.ts';

export function createMediaRepository({ media }: Collections): MediaRepository {
  return { ...records(media), ...claims(media), ...queues(media) };
}

type Media = Collections['media'];

function records(media: Media) {
  const insertOnce = async (doc: MediaDoc) => {
    try {
      await media.insertOne(doc);
    } catch (error) {
      // the row of an insert whose reply was lost: ids are never given twice
      if (!isDuplicateKey(error)) throw error;
    }
  };
  const sum = async (filter: Filter<MediaDoc>) => {
    const group = { _id: null, files: { $sum: 1 }, bytes: { $sum: '$size' } };
    const [row] = await media
      .aggregate<{ files: number; bytes: number }>([{ $match: filter }, { $group: group }])
      .toArray();
    return { files: row?.files ?? 0, bytes: Number(row?.bytes ?? 0) };
  };
  return {
    insert: (row) =>
      guarded(async () => {
        const doc = fromMedia(row);
        try {
          await insertOnce(doc);
        } catch (error) {
          if (!isUnknownResult(error)) throw error;
          await insertOnce(doc);
        }
      }),
    findById: (id) =>
      guarded(async () => {
        const doc = await media.findOne({ _id: oid(id) });
        return doc && toMedia(doc);
      }),
    usage: (ownerId, since) =>
      guarded(async () => {
        const [recent, stored] = await Promise.all([
          sum({ ownerId, createdAt: { $gt: since } }),
          sum({ ownerId, state: { $nin: ['deleting', 'deleted'] } }),
        ]);
        return { recentFiles: recent.files, recentBytes: recent.bytes, storedBytes: stored.bytes };
      }),
    markReady: (id, facts, thumbnail, now) =>
      guarded(async () => {
        const update = {
          state: 'ready',
          facts,
          thumbnail,
          ...(thumbnail === 'wanted' && { thumbnailDueAt: now }),
        } as const;
        const done = await media.updateOne({ _id: oid(id), state: 'pending' }, { $set: update });
        return done.matchedCount === 1;
      }),
    move: (id, from, to, dueAt) =>
      guarded(async () => {
        const update = dueAt ? { $set: { state: to, dueAt } } : { $set: { state: to }, $unset: { dueAt: '' as const } };
        return (await media.updateOne({ _id: oid(id), state: from }, update)).matchedCount === 1;
      }),
    remove: (id) => guarded(async () => void (await media.deleteOne({ _id: oid(id) }))),
  } satisfies Partial<MediaRepository>;
}

function claims(media: Media) {
  return {
    claim: (id, { ownerId, conversationId, claim, messageId, dueAt }) =>
      guarded(async () => {
        const own = { _id: oid(id), ownerId, conversationId: oid(conversationId) };
        const again: Filter<MediaDoc> = { ...own, state: { $in: ['claimed', 'attached'] }, claim };
        const doc =
          (await media.findOneAndUpdate(
            { ...own, state: 'ready' },
            { $set: { state: 'claimed', claim, dueAt }, $addToSet: { messageIds: messageId } },
            { returnDocument: 'after' },
          )) ??
          // a retry: whether its first try was stored is looked at again
          (await media.findOneAndUpdate(
            again,
            { $set: { state: 'claimed', dueAt }, $addToSet: { messageIds: messageId } },
            { returnDocument: 'after' },
          ));
        return doc && toMedia(doc);
      }),
    release: (id, { claim, messageId }, dueAt) =>
      guarded(async () => {
        const held = { _id: oid(id), state: 'claimed', claim } as const;
        const free = { $set: { state: 'ready', dueAt }, $unset: { claim: '', messageIds: '' } } as const;
        const alone = await media.updateOne({ ...held, messageIds: [messageId] }, free);
        if (alone.matchedCount === 0) await media.updateOne(held, { $pull: { messageIds: messageId } });
      }),
    condemn: (messageId, now) =>
      guarded(async () => {
        const filter: Filter<MediaDoc> = { messageIds: messageId, state: { $in: ['claimed', 'attached'] } };
        await media.updateMany(filter, { $set: { state: 'deleting', dueAt: now } });
      }),
  } satisfies Partial<MediaRepository>;
}

function queues(media: Media) {
  return {
    due: (now, limit) =>
      guarded(async () => {
        const docs = await media
          .find({ dueAt: { $lte: now } })
          .sort({ dueAt: 1 })
          .limit(limit)
          .toArray();
        return docs.map(toMedia);
      }),
    lease: ({ id, state, dueAt }, until) =>
      guarded(async () => {
        const filter: Filter<MediaDoc> = { _id: oid(id), state, ...(dueAt && { dueAt }) };
        return (await media.updateOne(filter, { $set: { dueAt: until } })).matchedCount === 1;
      }),
    dueThumbnails: (now, limit) =>
      guarded(async () => {
        const filter = { thumbnailDueAt: { $lte: now } };
        return (await media.find(filter).sort({ thumbnailDueAt: 1 }).limit(limit).toArray()).map(toMedia);
      }),
    leaseThumbnail: ({ id, thumbnailDueAt }, until) =>
      guarded(async () => {
        const filter: Filter<MediaDoc> = { _id: oid(id), ...(thumbnailDueAt && { thumbnailDueAt }) };
        return (await media.updateOne(filter, { $set: { thumbnailDueAt: until } })).matchedCount === 1;
      }),
    endThumbnail: (id, result) =>
      guarded(async () => {
        const update = { $set: { thumbnail: result }, $unset: { thumbnailDueAt: '' } } as const;
        const doc = await media.findOneAndUpdate({ _id: oid(id) }, update, { returnDocument: 'after' });
        return doc && toMedia(doc);
      }),
  } satisfies Partial<MediaRepository>;
}
