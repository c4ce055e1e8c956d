import { ChatError, type Conversation, limits } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { StoredConversation, StoredMembership, StoredPreview, StoredUser } from './model.ts';
import { isSettled, settledPositions } from './own-row.ts';
import type { MemberMarks, OwnPosition } from './ports/repositories.ts';
import { usersById } from './profiles.ts';
import { unreadIn } from './unread.ts';
import { conversationView, previewOf, watermarksOf } from './views.ts';

/**
 * The user's conversations, the most recent first.
 * @param page.before `nextCursor` of the page before
 * @throws ChatError VALIDATION_FAILED if the cursor is none of ours
 */
export async function listConversations(
  ctx: ChatContext,
  userId: string,
  page: { limit?: number; before?: string },
): Promise<{ conversations: Conversation[]; nextCursor?: string }> {
  const limit = page.limit ?? limits.conversationLimit;
  const before = page.before === undefined ? undefined : parseCursor(page.before);
  // Asked for first: what is read beside the conversations begins with it.
  const ownPositions = ctx.store.memberships.positionsOf(userId);
  const marks = ownPositions.then((own) => marksBeside(ctx, userId, own, limit));
  // Whoever waits for them is told; nobody does where the list itself fails.
  marks.catch(() => {});
  const [rows, positions] = await Promise.all([
    ctx.store.conversations.listFor(userId, { limit: limit + 1, ...(before && { before }) }),
    ownPositions,
  ]);
  const shown = untilTooManyPeople(rows.slice(0, limit));
  const last = shown.at(-1);
  const own = settledPositions(ctx, userId, shown, positions);
  return {
    conversations: await describeConversations(ctx, userId, shown, { own, marks }),
    ...(rows.length > shown.length && last && { nextCursor: `${last.lastMessageAt.getTime()}.${last.id}` }),
  };
}

/**
 * Rows of other members that are read before it is known how many there are. Source: four for each of 500 conversations; where there are more, what is
 * read in vain is less than what has to be read of them then.
 */
const MARKS_BESIDE = 2_000;

/**
 * The marks of the others in the user's conversations, read beside these: after them it would be one more wait.
 * @param limit conversations of the page
 * @returns undefined where it might be in vain: the page does not show all of them, or they have too many members
 */
async function marksBeside(
  ctx: ChatContext,
  userId: string,
  positions: readonly OwnPosition[],
  limit: number,
): Promise<MarksBeside | undefined> {
  const ids = positions.filter(({ active }) => active).map(({ conversationId }) => conversationId);
  if (ids.length === 0 || ids.length > limit) return undefined;
  const rows = await ctx.store.memberships.marksOfOthers(userId, ids, MARKS_BESIDE);
  return rows.length < MARKS_BESIDE ? { ids: new Set(ids), rows } : undefined;
}

/** Marks of all others in these conversations. */
interface MarksBeside {
  ids: ReadonlySet<string>;
  rows: MemberMarks[];
}

/** Participants on one page. Source: 20,000 of about 150 bytes are 3 MB; only large groups come near. */
const PAGE_PARTICIPANTS = 20_000;

/** The page ends early where it would name too many people; it has one conversation at least. */
function untilTooManyPeople(rows: StoredConversation[]): StoredConversation[] {
  let people = 0;
  const end = rows.findIndex(({ participants }, index) => {
    people += participants.length;
    return index > 0 && people > PAGE_PARTICIPANTS;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

function parseCursor(text: string): { at: Date; id: string } {
  const [, time, id] = /^(\d{1,15})\.([0-9a-f]{24})$/.exec(text) ?? [];
  if (!time || !id) throw new ChatError('VALIDATION_FAILED', { field: 'before', reason: 'is not a cursor' });
  return { at: new Date(Number(time)), id };
}

export async function describeConversation(
  ctx: ChatContext,
  userId: string,
  conversation: StoredConversation,
): Promise<Conversation> {
  const [view] = await describeConversations(ctx, userId, [conversation]);
  return view as Conversation;
}

/** What is being read already. */
interface Beside {
  /** The user's positions in the conversations. */
  own: Promise<Own>;
  marks: Promise<MarksBeside | undefined>;
}

/** Conversations as the user sees them: everything else that is shown is looked up for all of them at once. */
export async function describeConversations(
  ctx: ChatContext,
  userId: string,
  list: readonly StoredConversation[],
  beside?: Beside,
): Promise<Conversation[]> {
  if (list.length === 0) return [];
  const ids = list.map((c) => c.id);
  const own = beside?.own ?? ownRows(ctx, userId, ids);
  const [views, unread] = await Promise.all([
    viewsWithoutCounts(ctx, userId, list, { own, marks: marksOfOthers(ctx, userId, list, beside?.marks) }),
    own.then((positions) => unreadIn(ctx, userId, list, (id) => positions.get(id))),
  ]);
  for (const view of views) view.unreadCount = unread.get(view._id) ?? 0;
  return views;
}

/** Those that are not being read already are asked for, and those again that were read too early; of two rows of one member the later one is last. */
async function marksOfOthers(
  ctx: ChatContext,
  userId: string,
  list: readonly StoredConversation[],
  beside: Beside['marks'] | undefined,
): Promise<MemberMarks[]> {
  const known = await beside;
  const missing = list.filter(({ id }) => !known?.ids.has(id));
  const asked = known ? [...missing, ...withUnsettled(userId, list, known)] : missing;
  const ids = asked.map(({ id }) => id);
  const rows = ids.length > 0 ? await ctx.store.memberships.marksOfOthers(userId, ids) : [];
  return known ? [...known.rows, ...rows] : rows;
}

/**
 * Groups of which some participant's row may be that of before they joined, or missing, as it was read beside the group: they would count as
 * somebody who has read nothing, and a status would go back.
 */
function withUnsettled(
  userId: string,
  list: readonly StoredConversation[],
  { ids, rows }: MarksBeside,
): StoredConversation[] {
  const groups = list.filter(({ id, isGroup }) => isGroup && ids.has(id));
  if (groups.length === 0) return [];
  const members = Map.groupBy(rows, (row) => row.conversationId);
  return groups.filter((group) => {
    const settled = (members.get(group.id) ?? []).filter((row) => isSettled(group, row));
    const users = new Set([userId, ...settled.map((row) => row.userId)]);
    return group.participants.some((id) => !users.has(id));
  });
}

/** All else is put together while the store counts what is unread, which takes longest: it was a quarter of our CPU for 500. */
async function viewsWithoutCounts(
  ctx: ChatContext,
  userId: string,
  list: readonly StoredConversation[],
  { own, marks }: { own: Promise<Own>; marks: Promise<MemberMarks[]> },
): Promise<Conversation[]> {
  const everybody = new Set(
    list.flatMap((c) => [...c.participants, ...(c.lastMessage ? [c.lastMessage.senderId] : [])]),
  );
  const [rows, previews, others, known, online] = await Promise.all([
    own,
    own.then((positions) => visiblePreviews(ctx, userId, list, positions)),
    // the user's own rows are read already
    marks,
    usersById(ctx.store.users, everybody),
    onlineOrUnknown(ctx, [...everybody]),
  ]);
  const users = await withSendersOf(ctx, previews, { asked: everybody, known });
  const members = Map.groupBy(others, (row) => row.conversationId);
  const marksIn = (id: string) => {
    const theirs = members.get(id) ?? [];
    const row = rows.get(id);
    return row ? [...theirs, { ...row, userId }] : theirs;
  };
  return list.map((conversation) =>
    conversationView({
      ...{ conversation, users, online },
      preview: previews.get(conversation.id) ?? null,
      marks: watermarksOf(conversation.participants, marksIn(conversation.id)),
      unreadCount: 0,
      readSeq: rows.get(conversation.id)?.readSeq ?? 0,
    }),
  );
}

type Own = ReadonlyMap<string, Pick<StoredMembership, 'deliveredSeq' | 'readSeq' | 'joinedSeq' | 'hiddenSeq'>>;

async function ownRows(ctx: ChatContext, userId: string, ids: string[]): Promise<Own> {
  return new Map((await ctx.store.memberships.ofUser(userId, ids)).map((row) => [row.conversationId, row]));
}

/** Presence is a convenience of the list: without the bus everybody is shown offline rather than the list refused. */
async function onlineOrUnknown(ctx: ChatContext, userIds: string[]): Promise<Set<string>> {
  try {
    return await ctx.presence.onlineAmong(userIds);
  } catch (error) {
    ctx.log.warn({ err: error }, 'presence not known; shown as offline');
    return new Set();
  }
}

/** The previews that the user may see, by conversation. Only those that are hidden from them cost a read. */
async function visiblePreviews(
  ctx: ChatContext,
  userId: string,
  list: readonly StoredConversation[],
  own: Own,
): Promise<Map<string, StoredPreview | null>> {
  const previews = new Map(list.map((conversation) => [conversation.id, conversation.lastMessage]));
  const hidden = list.filter(({ id, lastMessage }) => lastMessage && !isSurelySeen(lastMessage, own.get(id)));
  await inBatches(hidden, AT_ONCE, async ({ id, lastMessage }) => {
    const joinedSeq = own.get(id)?.joinedSeq ?? 0;
    previews.set(
      id,
      lastMessage && lastMessage.seq > joinedSeq ? await newestVisible(ctx, userId, id, joinedSeq) : null,
    );
  });
  return previews;
}

/** What is shown in place of a newest message that is hidden may be of somebody who has left, and whom nobody has asked for yet. */
async function withSendersOf(
  ctx: ChatContext,
  previews: ReadonlyMap<string, StoredPreview | null>,
  { asked, known }: { asked: ReadonlySet<string>; known: Map<string, StoredUser> },
): Promise<Map<string, StoredUser>> {
  const missing = [...previews.values()].flatMap((shown) =>
    shown && !asked.has(shown.senderId) ? [shown.senderId] : [],
  );
  if (missing.length === 0) return known;
  return new Map([...known, ...(await usersById(ctx.store.users, missing))]);
}

/** It is newer than their joining, and than whatever they deleted for themselves. */
const isSurelySeen = (
  preview: StoredPreview,
  own: Pick<StoredMembership, 'joinedSeq' | 'hiddenSeq'> | undefined,
): boolean => preview.seq > Math.max(own?.hiddenSeq ?? 0, own?.joinedSeq ?? 0);

async function newestVisible(
  ctx: ChatContext,
  userId: string,
  conversationId: string,
  joinedSeq: number,
): Promise<StoredPreview | null> {
  const [newest] = await ctx.store.messages.history({
    ...{ conversationId, viewer: userId, aboveSeq: joinedSeq },
    ...{ order: 'newest-first', skip: 0, limit: 1 },
  });
  return newest ? previewOf(newest) : null;
}
