import { limits, type Message, STREAM_VERSION } from '@confab/contracts';
import { conversationFor, messageFor } from './access.ts';
import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership, StoredMessage } from './model.ts';
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
  const { userId, conversationId, page = 1, limit = limits.pageDefault } = request;
  const [conversation, members] = await Promise.all([
    conversationFor(ctx, userId, conversationId),
    ctx.store.memberships.ofConversations([conversationId]),
  ]);
  const own = members.find((row) => row.userId === userId);
  const joinedSeq = own?.joinedSeq ?? 0;
  const forward = request.after !== undefined;
  const query = { conversationId, viewer: userId, skip: (page - 1) * limit, limit };
  const [rows, hidden] = await Promise.all([
    ctx.store.messages.history({
      ...query,
      aboveSeq: Math.max(joinedSeq, request.after ?? 0),
      ...(request.before !== undefined && { belowSeq: request.before }),
      order: forward ? 'oldest-first' : 'newest-first',
    }),
    ctx.store.messages.countHidden({ conversationId, viewer: userId, aboveSeq: joinedSeq }),
  ]);
  const ascending = forward ? rows : rows.reverse();
  await reportDelivered(ctx, { userId, conversation, own, messages: ascending, traceId: request.traceId });
  return {
    messages: await describeMessages(ctx, conversation, members, ascending),
    // seq is dense: what exists is what was numbered, less what this user does not see
    pagination: { page, limit, total: Math.max(0, conversation.seq - joinedSeq - hidden) },
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
  return Promise.all(
    messages.map(async (m) => messageView(m, users.get(m.senderId), marks.statusOf(m), await viewMedia(ctx, m.media))),
  );
}

interface Fetched {
  userId: string;
  conversation: StoredConversation;
  own: StoredMembership | undefined;
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
