import { inBatches, type MembersDigest, type MembershipRepository, markBefore, type WatermarkMove } from '@confab/chat';
import type { AnyBulkWriteOperation, Document, Filter, ObjectId, UpdateFilter } from 'mongodb';
import type { Collections } from './collections.ts';
import { type MembershipDoc, membershipId, oid, toMarks, toMembership } from './documents.ts';
import { guarded } from './failures.ts';
import { firstWrite, lostRace } from './first-writes.ts';
import { inLockOrder } from './lock-order.ts';
import { findRow, findRows } from './plain-reads.ts';
import { runWrite } from './write-command.ts';

/** Conversations whose members are added up by one command, and such commands under way for one request. Source: as for unread counts. */
const DIGESTS_AT_ONCE = 250;
const PARTS_AT_ONCE = 4;

/**
 * Rows of marks in one reply, as a list that one reply does not hold is read twice. Source: a page of large groups has up to 20,000 participants, and
 * their former members besides; 100,000 rows of about 100 bytes are below the 16 MB of a reply.
 */
const MARKS_AT_ONCE = 100_000;

/** The adding up stays with the store: in groups there may be a thousand rows to a conversation. */
async function digestsIn(memberships: Collections['memberships'], ids: string[]): Promise<[string, MembersDigest][]> {
  const docs = await memberships
    .aggregate<{ _id: ObjectId; delivered: number; read: number; changeSeq: number | null; changing: string[] | null }>(
      [
        { $match: { conversationId: { $in: ids.map(oid) } } },
        {
          $group: {
            _id: '$conversationId',
            delivered: { $sum: '$deliveredSeq' },
            read: { $sum: '$readSeq' },
            changeSeq: { $max: '$changeSeq' },
            changing: { $max: '$changing' },
          },
        },
      ],
    )
    .toArray();
  return docs.map(({ _id, delivered, read, changeSeq, changing }) => [
    _id.toHexString(),
    // of arrays the greatest is the empty one only where all are empty
    { marks: delivered + read, changeSeq: changeSeq ?? 0, changing: (changing?.length ?? 0) > 0 },
  ]);
}

export function createMembershipRepository(collections: Collections): MembershipRepository {
  const { db, memberships } = collections;
  const rows = (filter: Filter<MembershipDoc>, projection?: Document, batchSize?: number) =>
    findRows(db, memberships, filter, { projection }, batchSize);
  const key = (conversationId: string, userId: string) => ({ conversationId: oid(conversationId), userId });

  const bulkUpsert = (operations: AnyBulkWriteOperation<MembershipDoc>[]) =>
    guarded(async () => {
      if (operations.length === 0) return;
      await firstWrite(() => memberships.bulkWrite(operations, { ordered: false }));
    });
  const upsert = (conversationId: string, userId: string, update: UpdateFilter<MembershipDoc>) =>
    bulkUpsert([{ updateOne: { filter: key(conversationId, userId), update, upsert: true } }]);

  return {
    ofConversations: (ids) =>
      guarded(async () => {
        if (ids.length === 0) return [];
        return (await rows({ conversationId: { $in: ids.map(oid) } })).map(toMembership);
      }),
    marksOfOthers: (userId, ids, limit) =>
      guarded(async () => {
        const fields = { conversationId: 1, userId: 1, deliveredSeq: 1, readSeq: 1, active: 1, changing: 1 };
        const projection = { _id: 0, ...fields };
        const filter = { conversationId: { $in: ids.map(oid) }, userId: { $ne: userId } };
        return (await findRows(db, memberships, filter, { projection, limit }, MARKS_AT_ONCE)).map(toMarks);
      }),
    deliveredIn: (ids) =>
      guarded(async () => {
        const projection = { _id: 0, conversationId: 1, userId: 1, deliveredSeq: 1 };
        const docs = await rows({ conversationId: { $in: ids.map(oid) } }, projection, MARKS_AT_ONCE);
        return docs.map(({ conversationId, userId, deliveredSeq }) => ({
          conversationId: conversationId.toHexString(),
          userId,
          deliveredSeq: deliveredSeq ?? 0,
        }));
      }),
    digestsOf: async (ids) => {
      const parts = Array.from({ length: Math.ceil(ids.length / DIGESTS_AT_ONCE) }, (_, part) =>
        ids.slice(part * DIGESTS_AT_ONCE, (part + 1) * DIGESTS_AT_ONCE),
      );
      const digests = await inBatches(parts, PARTS_AT_ONCE, (part) => guarded(() => digestsIn(memberships, part)));
      return new Map(digests.flat());
    },
    ofUser: (userId, ids) =>
      guarded(async () => {
        const filter = { userId, ...(ids && { conversationId: { $in: ids.map(oid) } }) };
        return (await rows(filter)).map(toMembership);
      }),
    positionsOf: (userId) =>
      guarded(async () => {
        const fields = {
          conversationId: 1,
          deliveredSeq: 1,
          readSeq: 1,
          joinedSeq: 1,
          hiddenSeq: 1,
          active: 1,
          changing: 1,
        } as const;
        return (await rows({ userId }, { _id: 0, ...fields })).map(toMembership);
      }),
    find: (conversationId, userId) =>
      guarded(async () => {
        const doc = await findRow(db, memberships, key(conversationId, userId));
        return doc && toMembership(doc);
      }),
    ensure: (conversationId, userIds, joinedSeq, token) =>
      bulkUpsert(
        userIds.map((userId) => ({
          updateOne: {
            filter: key(conversationId, userId),
            update: joinUpdate(membershipId(conversationId, userId), joinedSeq, token),
            upsert: true,
          },
        })),
      ),
    raiseHidden: (conversationId, userId, seq) =>
      upsert(conversationId, userId, { $max: { hiddenSeq: seq }, ...onInsert(membershipId(conversationId, userId)) }),
    takeBack: (conversationId, userIds, token) =>
      guarded(async () => {
        const filter = { conversationId: oid(conversationId), userId: { $in: userIds }, changing: token };
        // In one step: inactive and still marked would be a removal for the worker to finish.
        await memberships.updateMany(filter, { $set: { active: false }, $pull: { changing: token } });
      }),
    leave: (conversationId, userId, token) =>
      upsert(conversationId, userId, {
        $set: { active: false },
        $push: { changing: token },
        ...onInsert(membershipId(conversationId, userId), 'active'),
      }),
    stamp: (conversationId, userIds, token, changeSeq) =>
      guarded(async () => {
        const filter = { conversationId: oid(conversationId), userId: { $in: userIds }, changing: token };
        await memberships.updateMany(filter, { $max: { changeSeq }, $pull: { changing: token } });
      }),
    findStaleMarks: (before, limit) =>
      guarded(async () => {
        const docs = await memberships
          .find({ changing: { $lt: markBefore(before) } })
          .limit(limit)
          .toArray();
        return docs.map((doc) => ({
          conversationId: doc.conversationId.toHexString(),
          userId: doc.userId,
          active: doc.active,
          tokens: (doc.changing ?? []).filter((token) => token < markBefore(before)),
        }));
      }),
    raise: (moves) => guarded(() => raiseAll(collections, moves)),
    raiseRead: (conversationId, userId, seq) =>
      guarded(async () => {
        const id = membershipId(conversationId, userId);
        const update = { $max: { readSeq: seq, deliveredSeq: seq }, ...onInsert(id, 'readSeq', 'deliveredSeq') };
        const options = { upsert: true, returnDocument: 'before' } as const;
        const before = await firstWrite(() =>
          memberships.findOneAndUpdate(key(conversationId, userId), update, options),
        );
        return { before: before?.readSeq ?? 0 };
      }),
  };
}

const INITIAL = { deliveredSeq: 0, readSeq: 0, joinedSeq: 0, changeSeq: 0, active: true } as const;

/** The fields of a new row, but those that the update sets itself (an update may name a field once). */
function onInsert(_id: string, ...except: (keyof typeof INITIAL)[]) {
  const fields = Object.entries(INITIAL).filter(([name]) => !except.includes(name as keyof typeof INITIAL));
  return { $setOnInsert: { _id, ...Object.fromEntries(fields) } };
}

/** Somebody who joins sees what comes after; what came before counts as received and read. */
function joinUpdate(id: string, joinedSeq: number, token: string | undefined): UpdateFilter<MembershipDoc> {
  if (token === undefined) return onInsert(id);
  return {
    $max: { deliveredSeq: joinedSeq, readSeq: joinedSeq, joinedSeq },
    $set: { active: true },
    $addToSet: { changing: token },
    $setOnInsert: { _id: id, changeSeq: 0 },
  };
}

/** Rows of one command. Source: 250 bytes each. */
const MOVES_AT_ONCE = 1_000;

async function raiseAll({ db, memberships }: Collections, unordered: readonly WatermarkMove[]): Promise<void> {
  const moves = inLockOrder(
    unordered,
    (move) => move.conversationId,
    (move) => move.userId,
  );
  for (let from = 0; from < moves.length; from += MOVES_AT_ONCE) {
    let updates = moves.slice(from, from + MOVES_AT_ONCE).map(raiseStatement);
    await firstWrite(async () => {
      const { failures } = await runWrite(db, { update: memberships.collectionName, updates }, 'majority');
      // the others are done
      if (failures.size > 0) updates = [...failures.keys()].map((index) => updates[index] as Document);
      const refused = [...failures.values()];
      // what is more than a lost race is told, whatever else there is
      const error = refused.find((refusal) => !lostRace(refusal)) ?? refused[0];
      if (error) throw error;
    });
  }
}

function raiseStatement({ conversationId, userId, deliveredSeq, readSeq, known }: WatermarkMove): Document {
  const raised = { ...(deliveredSeq !== undefined && { deliveredSeq }), ...(readSeq !== undefined && { readSeq }) };
  const q = { conversationId: oid(conversationId), userId };
  if (known) return { q, u: { $max: raised } };
  const id = membershipId(conversationId, userId);
  return {
    q,
    u: { $max: raised, ...onInsert(id, ...(Object.keys(raised) as (keyof typeof INITIAL)[])) },
    upsert: true,
  };
}
