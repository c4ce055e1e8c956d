import { limits, type Message, type SyncBody, type SyncConversation, type SyncResult } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { describeMessages, reportDelivered } from './history.ts';
import { describeConversations } from './list-conversations.ts';
import type { StoredConversation, StoredMembership, StoredMessage } from './model.ts';
import type { ConversationHead, MembersDigest } from './ports/repositories.ts';
import { formatCursor, parseCursor, type SyncCursor } from './sync-cursor.ts';
import { readSyncPage, type SyncPage } from './sync-page.ts';

export interface SyncRequest {
  userId: string;
  body: SyncBody;
  traceId: string;
}

/** Seconds after which a page that ended before a missing seq is asked for again: it is stored by then, or soon a void. */
const HOLE_RETRY_AFTER = 1;

/**
 * What happened since the cursors, conversation by conversation, with a verdict each; never a silent partial.
 * The order of the reads is what makes it right: the conversations' counters first, then rows.
 * Conversations that the caller is in and did not name come too, a bounded number of them at a time (`more` says that there are others);
 * named ones that they are not in are listed in `left`.
 */
export async function sync(ctx: ChatContext, request: SyncRequest): Promise<SyncResult> {
  const { userId, body, traceId } = request;
  const cursors = new Map(Object.entries(body.cursors ?? {}));
  const { heads, unmoved, given, more: others } = await headsOf(ctx, userId, cursors, body.others ?? true);
  const ordered = byRecency(heads);
  const read = readInParts(
    (ids) => readConversations(ctx, userId, ids, given),
    ordered.filter(({ id }) => !unmoved.has(id)).map(({ id }) => id),
  );

  const budget = { left: body.limit ?? limits.syncDefault };
  const answers: SyncConversation[] = [];
  const toDescribe: StoredConversation[] = [];
  let more = others;
  for (const { id } of ordered) {
    if (budget.left <= 0) {
      more = true;
      break;
    }
    const cursor = cursors.get(id);
    if (cursor !== undefined && unmoved.has(id)) {
      answers.push(nothingNew(id, cursor));
      continue;
    }
    const found = await read(id);
    // They left between the two reads: the next call tells them.
    if (!found) continue;
    const view = viewOf(userId, found.conversation, found.members, traceId);
    const { answer, complete, membersChanged } = await syncConversation(ctx, view, cursor, budget);
    answers.push(answer);
    if (membersChanged) toDescribe.push(found.conversation);
    more ||= !complete;
  }
  const described = new Map((await describeConversations(ctx, userId, toDescribe)).map((c) => [c._id, c]));
  for (const answer of answers) {
    const conversation = described.get(answer.conversationId);
    if (conversation) answer.conversation = conversation;
  }
  const mine = new Set(heads.map((head) => head.id));
  return { conversations: answers, left: [...cursors.keys()].filter((id) => !mine.has(id)), more };
}

/** Conversations that the caller did not name in one reply. Source: as many as a first screen scrolls through; the next call brings more. */
const OTHERS_LIMIT = 100;

/**
 * The named ones that are the user's, and the most recent others. @returns `unmoved`: those in which the cursor is where everything is, so that there
 * is nothing to read; `given`: those that are read already; `more`: there are more others than these
 */
async function headsOf(ctx: ChatContext, userId: string, cursors: ReadonlyMap<string, string>, withOthers: boolean) {
  const named = [...cursors.keys()];
  const [known, rest] = await Promise.all([
    named.length === 0 ? [] : ctx.store.conversations.headsFor(userId, named),
    withOthers ? ctx.store.conversations.listFor(userId, { limit: OTHERS_LIMIT + 1, except: named }) : [],
  ]);
  const atEnd = known.filter(({ id, seq, changeSeq }) => {
    const cursor = parseCursor(cursors.get(id) ?? '');
    return cursor.seq === seq && cursor.changeSeq === changeSeq;
  });
  // After the counters, as all rows.
  const digests = atEnd.length === 0 ? new Map() : await ctx.store.memberships.digestsOf(atEnd.map(({ id }) => id));
  const unmoved = new Set(
    atEnd.filter(({ id }) => isUnmoved(parseCursor(cursors.get(id) ?? ''), digests.get(id))).map(({ id }) => id),
  );
  const given = rest.slice(0, OTHERS_LIMIT);
  return { heads: [...known, ...given], unmoved, given, more: rest.length > OTHERS_LIMIT };
}

/** Of a cursor with both counters of the conversation. A member without a row has received and read nothing. */
const isUnmoved = (cursor: SyncCursor, digest: MembersDigest | undefined): boolean =>
  cursor.marks === (digest?.marks ?? 0) && !digest?.changing && (digest?.changeSeq ?? 0) <= cursor.changeSeq;

const nothingNew = (conversationId: string, cursor: string): SyncConversation => ({
  ...{ conversationId, verdict: 'complete', cursor: formatCursor(parseCursor(cursor)) },
  ...{ messages: [], changes: [], hidden: [], watermarks: [] },
});

/** Conversations that are read at once. Source: groups of the largest size, about 10 MB of members' rows. */
const READ_AT_ONCE = 20;

/** A conversation with its members' rows, which were read after it. */
interface Found {
  conversation: StoredConversation;
  members: StoredMembership[];
}

/** Reads conversations part by part, when the first of a part is asked for, in the order of the ids. */
function readInParts(read: (ids: string[]) => Promise<Map<string, Found>>, ids: readonly string[]) {
  const places = new Map(ids.map((id, place) => [id, place]));
  let part = new Map<string, Found>();
  let end = 0;
  return async (id: string): Promise<Found | undefined> => {
    const place = places.get(id) ?? 0;
    if (place >= end) {
      end = place + READ_AT_ONCE;
      part = await read(ids.slice(place, end));
    }
    return part.get(id);
  };
}

async function readConversations(
  ctx: ChatContext,
  userId: string,
  ids: readonly string[],
  given: readonly StoredConversation[],
): Promise<Map<string, Found>> {
  const wanted = new Set(ids);
  const known = given.filter(({ id }) => wanted.delete(id));
  const others = wanted.size === 0 ? [] : await ctx.store.conversations.findManyFor(userId, [...wanted], wanted.size);
  const conversations = [...known, ...others];
  const rows = await ctx.store.memberships.ofConversations(conversations.map(({ id }) => id));
  const members = Map.groupBy(rows, (row) => row.conversationId);
  return new Map(
    conversations.map((conversation) => [
      conversation.id,
      { conversation, members: members.get(conversation.id) ?? [] },
    ]),
  );
}

/** The most recently active first: that is what the person looks at. */
const byRecency = (list: readonly ConversationHead[]) =>
  list.toSorted((a, b) => b.lastMessageAt.getTime() - a.lastMessageAt.getTime());

/** One conversation as the caller stands in it. */
interface View {
  userId: string;
  conversation: StoredConversation;
  members: StoredMembership[];
  own: StoredMembership | undefined;
  joinedSeq: number;
  /** Sum of all watermarks; rows of members who left stay, so it never falls. */
  marks: number;
  traceId: string;
}

function viewOf(userId: string, conversation: StoredConversation, members: StoredMembership[], traceId: string): View {
  const own = members.find((row) => row.userId === userId);
  const marks = members.reduce((sum, row) => sum + row.deliveredSeq + row.readSeq, 0);
  return { userId, conversation, members, own, joinedSeq: own?.joinedSeq ?? 0, marks, traceId };
}

async function syncConversation(
  ctx: ChatContext,
  view: View,
  named: string | undefined,
  budget: { left: number },
): Promise<{ answer: SyncConversation; complete: boolean; membersChanged: boolean }> {
  const cursor = named === undefined ? undefined : parseCursor(named);
  const reset = cursor !== undefined && mustReset(cursor, view);
  const goesOn = cursor !== undefined && !reset;
  const from = goesOn ? { ...cursor, seq: Math.max(cursor.seq, view.joinedSeq) } : beginning(view, budget.left);
  const page = await readSyncPage(ctx, view.conversation, from, budget);
  const shown = page.messages.filter((m) => isShown(m, view));
  const messages = goesOn ? shown : await filledUp(ctx, view, shown, { fromSeq: from.seq, toSeq: page.upToSeq });
  await reportDelivered(ctx, { ...view, messages });
  const answer = {
    conversationId: view.conversation.id,
    verdict: reset ? ('reset' as const) : page.complete ? ('complete' as const) : ('truncated' as const),
    cursor: formatCursor({ seq: page.upToSeq, changeSeq: page.upToChange, marks: view.marks }),
    ...(page.hole && { retryAfter: HOLE_RETRY_AFTER }),
    ...(await rowsOf(ctx, view, messages, page)),
    watermarks: goesOn && cursor.marks === view.marks ? [] : watermarksIn(view),
  };
  return { answer, complete: page.complete, membersChanged: membersChanged(view, goesOn ? cursor : undefined) };
}

/** A cursor ahead of the counters (the store was restored from a backup), or too far behind to be worth reading through. */
function mustReset(cursor: SyncCursor, { conversation, marks }: View): boolean {
  const ahead = cursor.seq > conversation.seq || cursor.changeSeq > conversation.changeSeq || cursor.marks > marks;
  return ahead || conversation.seq - cursor.seq > limits.syncResetDistance;
}

/** A first page holds the newest messages; what is older is history. Changes so far are in the rows already. */
function beginning({ conversation, joinedSeq }: View, room: number): SyncCursor {
  const page = Math.min(limits.pageDefault, room);
  return { seq: Math.max(joinedSeq, conversation.seq - page), changeSeq: conversation.changeSeq, marks: 0 };
}

/**
 * A first page of which some rows, or all, are voids or deleted by the caller, with older messages in their place: else a conversation with messages would
 * begin empty. The cursor stays where the page ended, so they change nothing in what comes next.
 */
async function filledUp(
  ctx: ChatContext,
  { userId, conversation, joinedSeq }: View,
  shown: StoredMessage[],
  { fromSeq, toSeq }: { fromSeq: number; toSeq: number },
): Promise<StoredMessage[]> {
  const missing = toSeq - fromSeq - shown.length;
  if (missing === 0 || fromSeq <= joinedSeq) return shown;
  const bounds = { aboveSeq: joinedSeq, belowSeq: fromSeq + 1, skip: 0, limit: missing };
  const query = { conversationId: conversation.id, viewer: userId, order: 'newest-first' as const, ...bounds };
  const older = await ctx.store.messages.history(query);
  return [...older.reverse(), ...shown];
}

const isShown = (message: StoredMessage, { userId, joinedSeq }: View): boolean =>
  message.seq > joinedSeq && !message.deletedFor.includes(userId);

async function rowsOf(ctx: ChatContext, view: View, messages: StoredMessage[], page: SyncPage) {
  const describe = (list: StoredMessage[]): Promise<Message[]> =>
    list.length === 0 ? Promise.resolve([]) : describeMessages(ctx, view.conversation, view.members, list);
  const changed = page.changes.filter((m) => m.seq > view.joinedSeq);
  return {
    messages: await describe(messages),
    changes: await describe(changed.filter((m) => isShown(m, view))),
    hidden: changed.filter((m) => !isShown(m, view)).map((m) => m.id),
  };
}

/** Of those who take part now. */
function watermarksIn({ conversation, members }: View) {
  const participants = new Set(conversation.participants);
  const current = members.filter((row) => participants.has(row.userId));
  return current.map(({ userId, deliveredSeq, readSeq }) => ({ userId, deliveredSeq, readSeq }));
}

/** The conversation itself comes where the client does not know it, or its members changed. */
const membersChanged = ({ members }: View, cursor: SyncCursor | undefined): boolean =>
  cursor === undefined || members.some((row) => row.changing || row.changeSeq > cursor.changeSeq);
