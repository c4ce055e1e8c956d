import { type ConversationRepository, gather, type SeqTaken, type StoredPreview } from '@confab/chat';
import { type Collections, ONE_REPLY } from './collections.ts';
import { oid } from './documents.ts';
import { guarded } from './failures.ts';
import { SeqForecasts } from './seq-forecasts.ts';
import { fillVoid } from './void-records.ts';
import { runWrite } from './write-command.ts';

/*
 * Taking a number is acknowledged by the primary alone: the insert of the message that follows asks for the majority, and a majority that has the
 * insert has everything that the same primary wrote before it. Where the insert went to another one, see message-inserts.
 */
const PRIMARY_ONLY = { writeConcern: { w: 1 } } as const;

/** Sends of one command. Source: as inserts, whose texts the previews repeat. */
const AT_A_TIME = 100;
/** Commands under way for which further sends wait, and milliseconds that they wait at most. Source: as inserts. */
const UNDER_WAY = 2;
const PATIENCE_MS = 10;

interface Request {
  conversationId: string;
  senderId: string;
  preview: Omit<StoredPreview, 'seq'>;
}

/** Sends of one conversation that take the seqs after `from` together. */
interface Take {
  conversationId: string;
  participants: readonly string[];
  from: number;
  /** With the places of the requests in their batch. */
  requests: { place: number; request: Request }[];
}

/**
 * Takes seqs. Where this process knows a conversation's seq and participants, sends that come together take theirs by one command, each on the
 * condition that it is still so; the others, and those for which it was not so, by one command each.
 * @throws ChatError UNAVAILABLE
 */
export function createSeqTaking(collections: Collections): ConversationRepository['takeSeq'] {
  const forecasts = new SeqForecasts();
  const takeTogether = gather<Request, SeqTaken | null>({
    size: AT_A_TIME,
    atOnce: UNDER_WAY,
    patienceMs: PATIENCE_MS,
    run: (batch) => takeAll(collections, forecasts, batch),
  });
  return (conversationId, senderId, preview) => {
    const request = { conversationId, senderId, preview };
    return guarded(() =>
      forecasts.has(conversationId, senderId) ? takeTogether(request) : takeOne(collections, forecasts, request),
    );
  };
}

async function takeOne(
  { conversations }: Collections,
  forecasts: SeqForecasts,
  { conversationId, senderId, preview }: Request,
): Promise<SeqTaken | null> {
  const doc = await conversations.findOneAndUpdate(
    { _id: oid(conversationId), participants: senderId },
    takingOf(1, preview),
    { returnDocument: 'after', projection: { seq: 1, participants: 1 }, ...PRIMARY_ONLY },
  );
  if (doc) forecasts.learn(conversationId, doc);
  return doc && { seq: doc.seq, participants: doc.participants };
}

const takingOf = (count: number, { messageId, ...preview }: Request['preview']) => ({
  $inc: { seq: count },
  $set: {
    // without a seq of its own: that is the conversation's seq for as long as this is the preview
    lastMessage: { messageId: oid(messageId), ...preview },
    lastMessageAt: preview.createdAt,
    updatedAt: preview.createdAt,
  },
});

async function takeAll(
  collections: Collections,
  forecasts: SeqForecasts,
  batch: readonly Request[],
): Promise<PromiseSettledResult<SeqTaken | null>[]> {
  const takes = takesOf(forecasts, batch);
  const outcomes = new Map<number, SeqTaken | Promise<never>>();
  try {
    for (const { from, participants, requests } of await takeForecast(collections, forecasts, takes)) {
      for (const [index, { place }] of requests.entries()) outcomes.set(place, { seq: from + index + 1, participants });
    }
  } catch (error) {
    // Those that were in no take do not fail with the others.
    for (const { place } of takes.flatMap(({ requests }) => requests)) outcomes.set(place, Promise.reject(error));
  }
  return Promise.allSettled(
    batch.map((request, place) => outcomes.get(place) ?? takeOne(collections, forecasts, request)),
  );
}

/** One take per conversation; requests whose conversation is not known any more are in none. */
function takesOf(forecasts: SeqForecasts, batch: readonly Request[]): Take[] {
  const takes = new Map<string, Take>();
  batch.forEach((request, place) => {
    const { conversationId, senderId } = request;
    const take = takes.get(conversationId) ?? takeFrom(conversationId, forecasts.use(conversationId));
    if (!take?.participants.includes(senderId)) return;
    take.requests.push({ place, request });
    takes.set(conversationId, take);
  });
  // In one order everywhere: some servers lock a command's documents until it ends, and two processes must not wait for each other.
  return [...takes.values()].toSorted((a, b) => (a.conversationId < b.conversationId ? -1 : 1));
}

const takeFrom = (conversationId: string, forecast: SeqTaken | undefined): Take | undefined =>
  forecast && { conversationId, participants: forecast.participants, from: forecast.seq, requests: [] };

const lastOf = ({ requests }: Take): Request => (requests.at(-1) as Take['requests'][number]).request;

/** @returns the takes that happened as forecast */
async function takeForecast(collections: Collections, forecasts: SeqForecasts, takes: Take[]): Promise<Take[]> {
  if (takes.length === 0) return [];
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
  return taken;
}

/**
 * Which of the takes happened, where not all did: a server tells how many, but not which.
 * @param count how many did
 */
async function findTaken(collections: Collections, takes: readonly Take[], count: number): Promise<Take[]> {
  const shown = await conversationsOf(collections, takes);
  const taken: Take[] = [];
  const open: Take[] = [];
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
