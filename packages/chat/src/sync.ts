import { limits, type Message, type SyncBody, type SyncConversation, type SyncResult } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { describeMessages, reportDelivered } from './history.ts';
import { describeConversations } from './list-conversations.ts';
import type { StoredConversation, StoredMembership, StoredMessage } from './model.ts';
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
  const { conversations, others } = await conversationsOf(ctx, userId, [...cursors.keys()], body.others ?? true);
  const ordered = byRecency(conversations);
  const membersOf = membersInParts(ctx, ordered);

  const budget = { left: body.limit ?? limits.syncDefault };
  const answers: SyncConversation[] = [];
  const toDescribe: StoredConversation[] = [];
  let more = others;
  for (const [index, conversation] of ordered.entries()) {
    if (budget.left <= 0) {
      more = true;
      break;
    }
    const view = viewOf(userId, conversation, await membersOf(index), traceId);
    const { answer, complete, membersChanged } = await syncConversation(
      ctx,
      view,
      cursors.get(conversation.id),
      budget,
    );
    answers.push(answer);
    if (membersChanged) toDescribe.push(conversation);
    more ||= !complete;
  }
  const described = new Map((await describeConversations(ctx, userId, toDescribe)).map((c) => [c._id, c]));
  for (const answer of answers) {
    const conversation = described.get(answer.conversationId);
    if (conversation) answer.conversation = conversation;
  }
  const mine = new Set(conversations.map((c) => c.id));
  return { conversations: answers, left: [...cursors.keys()].filter((id) => !mine.has(id)), more };
}

/** Conversations that the caller did not name in one reply. Source: as many as a first screen scrolls through; the next call brings more. */
const OTHERS_LIMIT = 100;

/** The named ones that are the user's, and the most recent others. @returns `others`: there are more than these */
async function conversationsOf(ctx: ChatContext, userId: string, named: string[], withOthers: boolean) {
  const [known, rest] = await Promise.all([
    named.length === 0 ? [] : ctx.store.conversations.findManyFor(userId, named, named.length),
    withOthers ? ctx.store.conversations.listFor(userId, { limit: OTHERS_LIMIT + 1, except: named }) : [],
  ]);
  return { conversations: [...known, ...rest.slice(0, OTHERS_LIMIT)], others: rest.length > OTHERS_LIMIT };
}

/** Conversations whose members are read at once. Source: groups of the largest size, about 10 MB of rows. */
const MEMBERS_OF = 20;

/** Reads the members of conversations part by part, when the first of a part is asked for. */
function membersInParts(ctx: ChatContext, ordered: readonly StoredConversation[]) {
  let part = new Map<string, StoredMembership[]>();
  return async (index: number): Promise<StoredMembership[]> => {
    if (index % MEMBERS_OF === 0) {
      const ids = ordered.slice(index, index + MEMBERS_OF).map((c) => c.id);
      part = Map.groupBy(await ctx.store.memberships.ofConversations(ids), (row) => row.conversationId);
    }
    return part.get(ordered[index]?.id ?? '') ?? [];
  };
}

/** The most recently active first: that is what the person looks at. */
const byRecency = (list: StoredConversation[]) =>
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
  const from =
    cursor && !reset ? { ...cursor, seq: Math.max(cursor.seq, view.joinedSeq) } : beginning(view, budget.left);
  const page = await readSyncPage(ctx, view.conversation, from, budget);
  const messages = page.messages.filter((m) => isShown(m, view));
  await reportDelivered(ctx, { ...view, messages });
  const answer = {
    conversationId: view.conversation.id,
    verdict: reset ? ('reset' as const) : page.complete ? ('complete' as const) : ('truncated' as const),
    cursor: formatCursor({ seq: page.upToSeq, changeSeq: page.upToChange, marks: view.marks }),
    ...(page.hole && { retryAfter: HOLE_RETRY_AFTER }),
    ...(await rowsOf(ctx, view, messages, page)),
    watermarks: cursor && !reset && cursor.marks === view.marks ? [] : watermarksIn(view),
  };
  return { answer, complete: page.complete, membersChanged: membersChanged(view, reset ? undefined : cursor) };
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
