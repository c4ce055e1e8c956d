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
 * Conversations that the caller is in and did not name come too; named ones that they are not in are listed in `left`.
 */
export async function sync(ctx: ChatContext, request: SyncRequest): Promise<SyncResult> {
  const { userId, body, traceId } = request;
  const cursors = new Map(Object.entries(body.cursors ?? {}));
  const conversations = await ctx.store.conversations.findManyFor(userId, undefined, limits.conversationLimit);
  const rows = await ctx.store.memberships.ofConversations(conversations.map((c) => c.id));
  const members = Map.groupBy(rows, (row) => row.conversationId);

  const budget = { left: body.limit ?? limits.syncDefault };
  const answers: SyncConversation[] = [];
  let more = false;
  for (const conversation of byRecency(conversations)) {
    if (budget.left <= 0) {
      more = true;
      break;
    }
    const view = viewOf(userId, conversation, members.get(conversation.id) ?? [], traceId);
    const { answer, complete } = await syncConversation(ctx, view, cursors.get(conversation.id), budget);
    answers.push(answer);
    more ||= !complete;
  }
  const mine = new Set(conversations.map((c) => c.id));
  return { conversations: answers, left: [...cursors.keys()].filter((id) => !mine.has(id)), more };
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
): Promise<{ answer: SyncConversation; complete: boolean }> {
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
    ...(await surroundings(ctx, view, reset ? undefined : cursor)),
  };
  return { answer, complete: page.complete };
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

/** Watermarks where one moved; the conversation itself where the client does not know it, or its members changed. */
async function surroundings(ctx: ChatContext, view: View, cursor: SyncCursor | undefined) {
  const { conversation, members } = view;
  const membersChanged =
    cursor === undefined || members.some((row) => row.changing || row.changeSeq > cursor.changeSeq);
  const current = members.filter((row) => conversation.participants.includes(row.userId));
  const watermarks = current.map(({ userId, deliveredSeq, readSeq }) => ({ userId, deliveredSeq, readSeq }));
  const [described] = membersChanged ? await describeConversations(ctx, view.userId, [conversation]) : [];
  return { watermarks: cursor?.marks === view.marks ? [] : watermarks, ...(described && { conversation: described }) };
}
