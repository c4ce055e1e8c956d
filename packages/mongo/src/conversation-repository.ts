import { type ConversationRepository, pairKeyOf, type StoredConversation } from '@confab/chat';
import { type Filter, ObjectId, type UpdateFilter } from 'mongodb';
import type { Collections } from './collections.ts';
import { type ConversationDoc, fromPreview, oid, toConversation } from './documents.ts';
import { guarded, isDuplicateKey, isWriteConflict } from './failures.ts';
import { firstWrite } from './first-writes.ts';
import { createHistoryOpening } from './history-opening.ts';
import { findRow, findRows, type ReadOptions } from './plain-reads.ts';
import { createSeqTaking } from './seq-taking.ts';

/** Taking a number is acknowledged by the primary alone: what is stamped with it is written with the majority afterwards. */
const PRIMARY_ONLY = { writeConcern: { w: 1 } } as const;

export function createConversationRepository(collections: Collections): ConversationRepository {
  const { db, conversations } = collections;
  const rows = (filter: Filter<ConversationDoc>, options: ReadOptions) => findRows(db, conversations, filter, options);
  const one = (filter: Filter<ConversationDoc>) =>
    guarded(async () => {
      const doc = await findRow(db, conversations, filter);
      return doc && toConversation(doc);
    });
  const many = (filter: Filter<ConversationDoc>, limit: number) =>
    guarded(async () => (await rows(filter, { limit })).map(toConversation));
  const change = (filter: Filter<ConversationDoc>, update: UpdateFilter<ConversationDoc>, options: object = {}) =>
    guarded(async () => {
      const doc = await conversations.findOneAndUpdate(filter, update, { returnDocument: 'after', ...options });
      return doc && toConversation(doc);
    });
  const insert = async (doc: ConversationDoc): Promise<StoredConversation> => {
    // Of two first contacts in two processes a server may give up both: again, and one of them finds the other's.
    await guarded(() => firstWrite(() => conversations.insertOne(doc), isWriteConflict));
    return toConversation(doc);
  };
  const createPair = async (pair: [string, string], pairKey: string, now: Date) => {
    try {
      return { conversation: await insert({ ...emptyConversation(pair, now), pairKey }), created: true };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const conversation = await one({ pairKey });
      if (!conversation) throw error;
      return { conversation, created: false };
    }
  };
  /** Direct conversations that this process is creating: who asks for the same one waits for it, as writes that race may wait for each other. */
  const creating = new Map<string, ReturnType<typeof createPair>>();

  return {
    findFor: (userId, id) => one({ _id: oid(id), participants: userId }),
    openHistory: createHistoryOpening(collections),
    findManyFor: (userId, ids, limit) => many({ participants: userId, _id: { $in: ids.map(oid) } }, limit),
    headsFor: (userId, ids) =>
      guarded(async () => {
        const filter = { participants: userId, _id: { $in: ids.map(oid) } };
        const projection = { seq: 1, changeSeq: 1, lastMessageAt: 1 };
        const docs = await rows(filter, { projection });
        return docs.map(({ _id, ...head }) => ({ id: _id.toHexString(), ...head }));
      }),
    countersFor: (userId) =>
      guarded(async () => {
        const docs = await rows({ participants: userId }, { projection: { seq: 1, changeSeq: 1, isGroup: 1 } });
        return docs.map(({ _id, seq, changeSeq, isGroup }) => ({ id: _id.toHexString(), seq, changeSeq, isGroup }));
      }),
    listFor: (userId, { limit, before, except = [] }) =>
      guarded(async () => {
        const filter: Filter<ConversationDoc> = { participants: userId };
        if (except.length > 0) filter._id = { $nin: except.map(oid) };
        if (before) {
          filter.$or = [
            { lastMessageAt: { $lt: before.at } },
            { lastMessageAt: before.at, _id: { $lt: oid(before.id) } },
          ];
        }
        return (await rows(filter, { sort: { lastMessageAt: -1, _id: -1 }, limit })).map(toConversation);
      }),
    takeSeq: createSeqTaking(collections),
    replacePreview: (id, messageId, preview) =>
      guarded(async () => {
        const _id = oid(id);
        // Without a message it is as old as it is, and not as the one that never was.
        const options = { projection: { createdAt: 1 }, readPreference: 'primary' } as const;
        const lastMessageAt = preview?.createdAt ?? (await conversations.findOne({ _id }, options))?.createdAt;
        if (!lastMessageAt) return;
        const lastMessage = preview && fromPreview(preview);
        await conversations.updateOne(
          { _id, 'lastMessage.messageId': oid(messageId) },
          { $set: { lastMessage, lastMessageAt } },
        );
      }),
    takeChangeSeq: async (id) => {
      const doc = await guarded(() =>
        conversations.findOneAndUpdate(
          { _id: oid(id) },
          { $inc: { changeSeq: 1 } },
          { returnDocument: 'after', projection: { changeSeq: 1 }, ...PRIMARY_ONLY },
        ),
      );
      if (!doc) throw new Error(`conversation ${id} is gone`);
      return doc.changeSeq;
    },
    findDirect: (pairKey) => one({ pairKey }),
    createDirect: async (pair, now) => {
      const pairKey = pairKeyOf(pair);
      const first = creating.get(pairKey);
      if (first) return { conversation: (await first).conversation, created: false };
      const creation = createPair(pair, pairKey, now).finally(() => creating.delete(pairKey));
      creating.set(pairKey, creation);
      return creation;
    },
    createGroup: ({ participants, name, ownerId, now }) =>
      insert({ ...emptyConversation(participants, now), isGroup: true, name, ownerId }),
    addParticipants: (id, userIds, now, { size, seq }) =>
      change(
        { _id: oid(id), isGroup: true, participants: { $size: size }, ...(seq !== undefined && { seq }) },
        { $addToSet: { participants: { $each: userIds } }, $set: { updatedAt: now } },
      ),
    removeParticipant: async (id, userId, now) => {
      const group = { _id: oid(id), isGroup: true };
      for (;;) {
        const changed = await change({ ...group, ownerId: { $ne: userId } }, without(userId, { updatedAt: now }));
        if (changed) return changed;
        const owned = await one(group);
        if (!owned) return null;
        const [next = null] = owned.participants.filter((participant) => participant !== userId);
        // While they still take part; where nobody does, while nobody has come.
        const asRead = next === null ? { $size: owned.participants.length } : { $eq: next };
        const filter = { ...group, ownerId: userId, participants: asRead };
        const passedOn = await change(filter, without(userId, { updatedAt: now, ownerId: next }));
        if (passedOn) return passedOn;
      }
    },
    contactsOf: (userId, limit) =>
      guarded(async () => {
        const contacts = new Set<string>();
        const cursor = conversations.find({ participants: userId }, { projection: { participants: 1 } });
        for await (const { participants } of cursor) {
          for (const id of participants) if (id !== userId && contacts.size < limit) contacts.add(id);
          if (contacts.size >= limit) break;
        }
        return [...contacts];
      }),
    findByIds: (ids) => (ids.length === 0 ? Promise.resolve([]) : many({ _id: { $in: ids.map(oid) } }, ids.length)),
    rostersOf: (ids) =>
      guarded(async () => {
        const filter = { _id: { $in: ids.map(oid) } };
        const docs = await rows(filter, { projection: { seq: 1, participants: 1 } });
        return docs.map(({ _id, seq, participants }) => ({ id: _id.toHexString(), seq, participants }));
      }),
    activeSince: (since, limit) =>
      guarded(async () => {
        const docs = await conversations
          .find(
            { updatedAt: { $gte: since } },
            { projection: { seq: 1, denseSeq: 1, updatedAt: 1, 'lastMessage.messageId': 1, 'lastMessage.seq': 1 } },
          )
          .sort({ updatedAt: 1 })
          .limit(limit)
          .toArray();
        return docs.map((d) => ({
          id: d._id.toHexString(),
          seq: d.seq,
          denseSeq: d.denseSeq ?? 0,
          preview: d.lastMessage && {
            messageId: d.lastMessage.messageId.toHexString(),
            seq: d.lastMessage.seq ?? d.seq,
          },
          updatedAt: d.updatedAt,
        }));
      }),
    setDenseSeq: (id, denseSeq) =>
      guarded(async () => void (await conversations.updateOne({ _id: oid(id) }, { $max: { denseSeq } }, PRIMARY_ONLY))),
  };
}

const without = (userId: string, $set: Partial<ConversationDoc>): UpdateFilter<ConversationDoc> => ({
  $pull: { participants: userId },
  $set,
});

function emptyConversation(participants: readonly string[], now: Date): ConversationDoc {
  return {
    _id: new ObjectId(),
    participants: [...participants],
    isGroup: false,
    name: null,
    ownerId: null,
    seq: 0,
    changeSeq: 0,
    lastMessage: null,
    lastMessageAt: now,
    createdAt: now,
    updatedAt: now,
  };
}
