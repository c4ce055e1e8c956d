import { ChatError, type Conversation, limits } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { StoredConversation, StoredMembership, StoredPreview } from './model.ts';
import { usersById } from './profiles.ts';
import { unreadOf } from './unread.ts';
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
  const rows = await ctx.store.conversations.listFor(userId, { limit: limit + 1, ...(before && { before }) });
  const shown = untilTooManyPeople(rows.slice(0, limit));
  const last = shown.at(-1);
  return {
    conversations: await describeConversations(ctx, userId, shown),
    ...(rows.length > shown.length && last && { nextCursor: `${last.lastMessageAt.getTime()}.${last.id}` }),
  };
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

/** Conversations as the user sees them: everything else that is shown is looked up for all of them at once. */
export async function describeConversations(
  ctx: ChatContext,
  userId: string,
  list: readonly StoredConversation[],
): Promise<Conversation[]> {
  if (list.length === 0) return [];
  const everybody = new Set(
    list.flatMap((c) => [...c.participants, ...(c.lastMessage ? [c.lastMessage.senderId] : [])]),
  );
  const [rows, users, online] = await Promise.all([
    ctx.store.memberships.ofConversations(list.map((c) => c.id)),
    usersById(ctx.store.users, everybody),
    onlineOrUnknown(ctx, [...everybody]),
  ]);
  const byConversation = Map.groupBy(rows, (row) => row.conversationId);
  return inBatches(list, AT_ONCE, async (conversation) => {
    const members = byConversation.get(conversation.id) ?? [];
    const own = members.find((row) => row.userId === userId);
    const [unreadCount, preview] = await Promise.all([
      unreadOf(ctx, userId, conversation, own),
      visiblePreview(ctx, userId, conversation, own),
    ]);
    const marks = watermarksOf(conversation.participants, members);
    return conversationView({ conversation, users, online, preview, marks, unreadCount, readSeq: own?.readSeq ?? 0 });
  });
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

/** The preview, unless this user may not see that message: it is older than their joining, or they deleted it for themselves. */
async function visiblePreview(
  ctx: ChatContext,
  userId: string,
  conversation: StoredConversation,
  own: StoredMembership | undefined,
): Promise<StoredPreview | null> {
  const preview = conversation.lastMessage;
  if (!preview || preview.seq > Math.max(own?.hiddenSeq ?? 0, own?.joinedSeq ?? 0)) return preview;
  if (preview.seq <= (own?.joinedSeq ?? 0)) return null;
  const [newest] = await ctx.store.messages.history({
    conversationId: conversation.id,
    viewer: userId,
    aboveSeq: own?.joinedSeq ?? 0,
    order: 'newest-first',
    skip: 0,
    limit: 1,
  });
  return newest ? previewOf(newest) : null;
}
