import { ChatError, limits, type MediaItem, type Message, STREAM_VERSION } from '@confab/contracts';
import { messageFor } from './access.ts';
import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership, StoredMessage } from './model.ts';
import { isSettled } from './own-row.ts';
import type { HistoryQuery, OpenedHistory } from './ports/repositories.ts';
import { usersById } from './profiles.ts';
import { viewMedia } from './view-media.ts';
import { messageView, watermarksOf } from './views.ts';

export interface HistoryRequest {
  userId: string;
  conversationId: string;
  page?: number;
  limit?: number;
  /** Only messages with a smaller seq. */
  before?: number;
  /** Only messages with a greater seq, the oldest first. */
  after?: number;
  traceId: string;
}

export interface HistoryPage {
  messages: Message[];
  pagination: { page: number; limit: number; total: number };
}

/**
 * One page of history in ascending order; page 1 holds the newest messages. What is fetched counts as delivered.
 * @throws ChatError NOT_FOUND
 */
export async function listMessages(ctx: ChatContext, request: HistoryRequest): Promise<HistoryPage> {
  const { userId, conversationId, page = 1, limit = limits.pageDefault, after } = request;
  const read = (aboveSeq: number) => ctx.store.messages.history(historyQuery(request, aboveSeq));
  // The page as if the user had always been a member: what they may not see is thrown away, nothing waits for it.
  const opening = openedFor(ctx, historyQuery(request, after ?? 0));
  const countAll = async () =>
    after === undefined || (await opening).conversation.seq > 0 ? ctx.store.messages.countVoids(conversationId, 0) : 0;
  const [{ conversation, members, messages: early }, allVoids] = await Promise.all([opening, countAll()]);
  const row = members.find((member) => member.userId === userId);
  const own = isSettled(conversation, row) ? row : await ctx.store.memberships.find(conversationId, userId);
  const joinedSeq = own?.joinedSeq ?? 0;
  const [rows, voids, hidden] = await Promise.all([
    // From the newest down, what is older than their joining is at the end of the page; from the oldest up it takes the place of the rest.
    (after ?? joinedSeq) < joinedSeq && conversation.seq > joinedSeq
      ? read(joinedSeq)
      : early.filter(({ seq }) => seq > joinedSeq),
    joinedSeq === 0 ? allVoids : ctx.store.messages.countVoids(conversationId, joinedSeq),
    // they deleted nothing above it for themselves: nothing to count
    (own?.hiddenSeq ?? 0) <= joinedSeq ? 0 : ctx.store.messages.countHidden(conversationId, userId, joinedSeq),
  ]);
  const ascending = after === undefined ? rows.reverse() : rows;
  await reportDelivered(ctx, { userId, conversation, own, messages: ascending, traceId: request.traceId });
  return {
    messages: await describeMessages(ctx, conversation, members, ascending),
    // seq is dense: what exists is what was numbered, less what this user does not see
    pagination: { page, limit, total: Math.max(0, conversation.seq - joinedSeq - voids - hidden) },
  };
}

/** @throws ChatError NOT_FOUND for foreign and unknown conversations alike */
async function openedFor(ctx: ChatContext, query: HistoryQuery): Promise<OpenedHistory> {
  const opened = await ctx.store.conversations.openHistory(query);
  if (!opened) throw new ChatError('NOT_FOUND');
  return opened;
}

function historyQuery(request: HistoryRequest, aboveSeq: number): HistoryQuery {
  const { userId, conversationId, page = 1, limit = limits.pageDefault, before, after } = request;
  return {
    ...{ conversationId, viewer: userId, aboveSeq, skip: (page - 1) * limit, limit },
    ...(before !== undefined && { belowSeq: before }),
    order: after === undefined ? 'newest-first' : 'oldest-first',
  };
}

/** @throws ChatError NOT_FOUND */
export async function getMessage(ctx: ChatContext, userId: string, messageId: string): Promise<Message> {
  const { message, conversation } = await messageFor(ctx, userId, messageId);
  const members = await ctx.store.memberships.ofConversations([conversation.id]);
  const [view] = await describeMessages(ctx, conversation, members, [message]);
  return view as Message;
}

export async function describeMessages(
  ctx: Pick<ChatContext, 'store' | 'media' | 'clock'>,
  conversation: StoredConversation,
  members: readonly StoredMembership[],
  messages: readonly StoredMessage[],
): Promise<Message[]> {
  const users = await usersById(
    ctx.store.users,
    messages.map((m) => m.senderId),
  );
  const marks = watermarksOf(conversation.participants, members);
  const view = (m: StoredMessage, media: MediaItem[]) =>
    messageView(m, users.get(m.senderId), marks.statusOf(m), media);
  // Most pages have no media, and then there is nothing to wait for.
  if (messages.every(({ media }) => media.length === 0)) return messages.map((m) => view(m, []));
  return Promise.all(messages.map(async (m) => view(m, await viewMedia(ctx, m.media))));
}

interface Fetched {
  userId: string;
  conversation: StoredConversation;
  own: StoredMembership | null | undefined;
  messages: readonly StoredMessage[];
  traceId: string;
}

/** Fetched over REST is delivered: the worker moves the watermark and tells the senders. */
export async function reportDelivered(ctx: ChatContext, fetched: Fetched): Promise<void> {
  const { userId, conversation, own, traceId } = fetched;
  const fresh = fetched.messages.filter((m) => m.senderId !== userId && m.seq > (own?.deliveredSeq ?? 0));
  if (fresh.length === 0) return;
  const items = fresh.map((m) => ({ messageId: m.id, seq: m.seq, senderId: m.senderId }));
  const envelope = { v: STREAM_VERSION, id: ctx.ids.token(), at: ctx.clock.now(), traceId };
  try {
    await ctx.receipts.append([
      { ...envelope, type: 'delivered', conversationId: conversation.id, userIds: [userId], items },
    ]);
  } catch (error) {
    // A page is not refused because a receipt could not be noted: the next fetch or push reports it again.
    ctx.log.warn({ err: error, traceId }, 'delivered receipt not noted');
  }
}
