import type { SeqTaken, StoredPreview } from '@confab/chat';
import { type Collections, ONE_REPLY } from './collections.ts';
import { oid } from './documents.ts';
import { inLockOrder } from './lock-order.ts';
import type { SeqForecasts } from './seq-forecasts.ts';
import { fillVoid } from './void-records.ts';
import { runWrite } from './write-command.ts';

/** A send that is to have a seq. */
export interface SeqRequest {
  conversationId: string;
  senderId: string;
  preview: Omit<StoredPreview, 'seq'>;
}

/** Sends of one conversation that take the seqs after `from` together. */
export interface Take<R extends SeqRequest = SeqRequest> {
  conversationId: string;
  participants: readonly string[];
  from: number;
  requests: R[];
}

/** The take of a conversation, for requests to join. Undefined if there is no forecast for it. */
export const takeFrom = <R extends SeqRequest>(
  conversationId: string,
  forecast: SeqTaken | undefined,
): Take<R> | undefined =>
  forecast && { conversationId, participants: forecast.participants, from: forecast.seq, requests: [] };

const lastOf = ({ requests }: Take): SeqRequest => requests.at(-1) as SeqRequest;

/** What takes `count` seqs of a conversation, and shows the last one's message. */
export const takingOf = (count: number, { messageId, ...preview }: SeqRequest['preview']) => ({
  $inc: { seq: count },
  $set: {
    // without a seq of its own: that is the conversation's seq for as long as this is the preview
    lastMessage: { messageId: oid(messageId), ...preview },
    lastMessageAt: preview.createdAt,
    updatedAt: preview.createdAt,
  },
});

/**
 * Takes the seqs of several conversations by one command, each on the condition that the conversation is as it was forecast.
 * @returns the takes that happened as forecast
 */
export async function takeForecast<R extends SeqRequest>(
  collections: Collections,
  forecasts: SeqForecasts,
  unordered: readonly Take<R>[],
): Promise<Set<Take<R>>> {
  const takes = inLockOrder(unordered, ({ conversationId }) => conversationId);
  const { db, conversations } = collections;
  const updates = takes.map((take) => ({
    q: { _id: oid(take.conversationId), participants: take.participants, seq: take.from },
    u: takingOf(take.requests.length, lastOf(take).preview),
  }));
  const { count } = await runWrite(db, { update: conversations.collectionName, updates }, 1);
  const taken = count === takes.length ? takes : await findTaken(collections, takes, count);
  const happened = new Set(taken);
  for (const take of takes) {
    const { conversationId, participants, from, requests } = take;
    if (happened.has(take)) forecasts.confirm(conversationId, { seq: from + requests.length, participants });
    else forecasts.miss(conversationId);
  }
  return happened;
}

/**
 * Which of the takes happened, where not all did: a server tells how many, but not which.
 * @param count how many did
 */
async function findTaken<R extends SeqRequest>(
  collections: Collections,
  takes: readonly Take<R>[],
  count: number,
): Promise<Take<R>[]> {
  const shown = await conversationsOf(collections, takes);
  const taken: Take<R>[] = [];
  const open: Take<R>[] = [];
  for (const take of takes) {
    const now = shown.get(take.conversationId);
    if (!now || now.seq === take.from) continue;
    // Whoever takes a seq sets the preview: while ours is shown, nobody came after us.
    if (now.messageId === lastOf(take).preview.messageId) taken.push(take);
    // And who came after us went further than we.
    else if (now.seq > take.from + take.requests.length) open.push(take);
  }
  const missing = count - taken.length;
  if (missing === open.length) return [...taken, ...open];
  // Others took seqs of several of the conversations at this moment, in one of them after us.
  if (missing > 0) await giveUp(collections, open);
  return taken;
}

async function conversationsOf({ conversations }: Collections, takes: readonly Take[]) {
  const filter = { _id: { $in: takes.map(({ conversationId }) => oid(conversationId)) } };
  const projection = { seq: 1, 'lastMessage.messageId': 1 };
  const docs = await conversations.find(filter, { projection, readPreference: 'primary', ...ONE_REPLY }).toArray();
  const entries = docs.map(({ _id, seq, lastMessage }) => {
    const about = { seq, messageId: lastMessage?.messageId.toHexString() };
    return [_id.toHexString(), about] as const;
  });
  return new Map(entries);
}

/**
 * Voids seqs that are ours or somebody else's, so that none of ours stays a hole. A message that somebody else has on its way for one of
 * them takes another seq then, as it does where the hole filler was faster.
 */
async function giveUp({ messages }: Collections, takes: readonly Take[]): Promise<void> {
  const seqs = takes.flatMap(({ conversationId, from, requests }) =>
    requests.map((_, index) => ({ conversationId, seq: from + index + 1 })),
  );
  await Promise.all(seqs.map(({ conversationId, seq }) => fillVoid(messages, conversationId, seq, new Date())));
}
