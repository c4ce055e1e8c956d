import { gather, type InsertResult, type StoredMessage } from '@confab/chat';
import type { Collections } from './collections.ts';
import { fromMessage, oid, toMessage } from './documents.ts';
import { guarded, isDuplicateKey, isUnknownResult, isWriteConflict } from './failures.ts';
import type { PrimaryChanges } from './primary-changes.ts';
import { runWrite } from './write-command.ts';

type Messages = Collections['messages'];

/** Messages of one command. Source: a hundred of 10,000 characters of 4 bytes are 4 MB, a tenth of what a command may have. */
const AT_A_TIME = 100;
/** Commands under way for which further messages wait. Source: two keep a store busy; with more there is less to gather. */
const UNDER_WAY = 2;
/** Milliseconds that a message waits for them. Source: of the 100 ms that a send may take at p99. */
const PATIENCE_MS = 10;
/**
 * Milliseconds from the taking of a seq to the insert of its message, at the very most. Source: the taking is answered or fails within 5 s, and between
 * the two a send waits for its budget alone, a second; more costs nothing but a few writes after a failover.
 */
const TAKEN_BEFORE_MS = 30_000;

/**
 * Stores messages, those that come together in one command. Each has the result that an insert of its own would have.
 * @throws ChatError UNAVAILABLE
 */
export function createMessageInserts(
  collections: Collections,
  primary: PrimaryChanges,
): (message: StoredMessage) => Promise<InsertResult> {
  const insertTogether = gather<StoredMessage, InsertResult>({
    size: AT_A_TIME,
    atOnce: UNDER_WAY,
    patienceMs: PATIENCE_MS,
    run: (batch) => insertAll(collections, batch),
  });
  const insertOrRetry = async (message: StoredMessage): Promise<{ result: InsertResult; retried: boolean }> => {
    try {
      return { result: await insertTogether(message), retried: false };
    } catch (error) {
      // A lost reply leaves it open whether the insert happened. The same _id again settles it: then it is there already.
      if (!isUnknownResult(error) && !isWriteConflict(error)) throw error;
      return { result: await insertTogether(message), retried: true };
    }
  };
  return (message) =>
    guarded(async () => {
      const takenAt = performance.now() - TAKEN_BEFORE_MS;
      const { result, retried } = await insertOrRetry(message);
      // Also without a retry: a first try may have waited until there was a new primary.
      if (result.kind === 'inserted' && (retried || primary.since(takenAt))) await raiseSeq(collections, message);
      return result;
    });
}

/**
 * Raises the conversation's seq to that of a message. The primary that gave the seq may have gone, and with it what it had not yet passed on: a message above its conversation's seq would be in no sync until the next one.
 */
async function raiseSeq({ conversations }: Collections, { conversationId, seq }: StoredMessage): Promise<void> {
  await conversations.updateOne({ _id: oid(conversationId), seq: { $lt: seq } }, { $max: { seq } });
}

/** @throws what fails all of them: no answer, or the majority did not confirm */
async function insertAll(
  { db, messages }: Collections,
  batch: StoredMessage[],
): Promise<PromiseSettledResult<InsertResult>[]> {
  const insert = { insert: messages.collectionName, documents: batch.map(fromMessage) };
  const { failures } = await runWrite(db, insert, 'majority');
  return Promise.allSettled(
    batch.map(async (message, index) => {
      const failure = failures.get(index);
      if (failure === undefined) return { kind: 'inserted' } as const;
      if (isDuplicateKey(failure)) return explainDuplicate(messages, message);
      throw failure;
    }),
  );
}

/** Which unique index refused it is asked of the data: not every compatible server names the index. */
async function explainDuplicate(messages: Messages, message: StoredMessage): Promise<InsertResult> {
  if (message.clientMessageId !== null) {
    const earlier = await findByClientId(messages, message);
    if (earlier?._id.equals(oid(message.id))) return { kind: 'inserted' };
    if (earlier) return { kind: 'client-id-used', message: toMessage(earlier) };
  }
  const own = await messages.findOne({ _id: oid(message.id) }, { projection: { _id: 1 } });
  return own ? { kind: 'inserted' } : { kind: 'seq-taken' };
}

const findByClientId = (messages: Messages, message: StoredMessage) =>
  messages.findOne({
    conversationId: oid(message.conversationId),
    senderId: message.senderId,
    clientMessageId: message.clientMessageId as string,
  });
