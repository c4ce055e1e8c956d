import { ChatError, type Conversation, limits } from '@confab/contracts';
import { conversationFor } from './access.ts';
import { changeMark } from './change-marks.ts';
import type { ChatContext } from './context.ts';
import { describeConversation } from './list-conversations.ts';
import type { StoredConversation } from './model.ts';
import { requireKnown } from './open-conversation.ts';
import { feedEvent, outbound, publishOrLeaveToSync } from './publish.ts';

interface MemberChange {
  userId: string;
  conversationId: string;
  traceId: string;
}

/**
 * Adds users to a group; they see what comes after.
 * @throws ChatError NOT_FOUND, FORBIDDEN (not a group, or the caller is not its owner), VALIDATION_FAILED (too many)
 */
export async function addMembers(
  ctx: ChatContext,
  request: MemberChange & { userIds: readonly string[] },
): Promise<Conversation> {
  const conversation = await ownedGroup(ctx, request);
  const added = [...new Set(request.userIds)].filter((id) => !conversation.participants.includes(id));
  if (conversation.participants.length + added.length > limits.groupParticipants) {
    const reason = `a group has at most ${limits.groupParticipants} participants`;
    throw new ChatError('VALIDATION_FAILED', { field: 'userIds', reason });
  }
  if (added.length === 0) return describeConversation(ctx, request.userId, conversation);
  await requireKnown(ctx, added);
  const mark = newMark(ctx);
  // The rows first, marked: if we crash before the participants change, the worker finds the mark and finishes it.
  await ctx.store.memberships.ensure(conversation.id, added, conversation.seq, mark);
  const changed = await finishAdding(ctx, conversation.id, added, mark);
  await announce(ctx, changed, { change: 'member-added', userIds: added, traceId: request.traceId });
  return describeConversation(ctx, request.userId, changed);
}

/**
 * Removes a member, or the caller themselves.
 * @throws ChatError NOT_FOUND (conversation, or no such member), FORBIDDEN (not a group, or removing others without owning it)
 */
export async function removeMember(ctx: ChatContext, request: MemberChange & { memberId: string }): Promise<void> {
  const leaving = request.memberId === request.userId;
  const conversation = leaving ? await group(ctx, request) : await ownedGroup(ctx, request);
  if (!conversation.participants.includes(request.memberId)) throw new ChatError('NOT_FOUND');
  const mark = newMark(ctx);
  await ctx.store.memberships.leave(conversation.id, request.memberId, mark);
  await finishRemoving(ctx, conversation.id, request.memberId, mark);
  await announce(ctx, conversation, {
    change: 'member-removed',
    userIds: [request.memberId],
    traceId: request.traceId,
  });
}

/** The steps after the mark: the participants change, then the change is numbered and stamped. Repeating them does no harm. */
export async function finishAdding(
  ctx: Pick<ChatContext, 'store' | 'clock'>,
  conversationId: string,
  userIds: string[],
  mark: string,
) {
  const { conversations, memberships } = ctx.store;
  const changed = await conversations.addParticipants(conversationId, userIds, new Date(ctx.clock.now()));
  if (!changed) throw new ChatError('NOT_FOUND');
  await memberships.stamp(conversationId, mark, await conversations.takeChangeSeq(conversationId));
  return changed;
}

export async function finishRemoving(
  ctx: Pick<ChatContext, 'store' | 'clock'>,
  conversationId: string,
  userId: string,
  mark: string,
) {
  const { conversations, memberships } = ctx.store;
  await conversations.removeParticipant(conversationId, userId, new Date(ctx.clock.now()));
  await memberships.stamp(conversationId, mark, await conversations.takeChangeSeq(conversationId));
}

const newMark = (ctx: ChatContext): string => changeMark(new Date(ctx.clock.now()), ctx.ids.token());

async function group(ctx: ChatContext, request: MemberChange): Promise<StoredConversation> {
  const conversation = await conversationFor(ctx, request.userId, request.conversationId);
  if (!conversation.isGroup)
    throw new ChatError('FORBIDDEN', { reason: 'a conversation of two has no members to change' });
  return conversation;
}

async function ownedGroup(ctx: ChatContext, request: MemberChange): Promise<StoredConversation> {
  const conversation = await group(ctx, request);
  if (conversation.ownerId !== request.userId)
    throw new ChatError('FORBIDDEN', { reason: 'only the owner changes the members' });
  return conversation;
}

async function announce(
  ctx: ChatContext,
  conversation: StoredConversation,
  what: { change: 'member-added' | 'member-removed'; userIds: string[]; traceId: string },
): Promise<void> {
  const { change, userIds, traceId } = what;
  const conversationId = conversation.id;
  const event = outbound(
    'conversation:updated',
    { conversationId, change, userIds },
    { traceId, conversationId, userIds },
  );
  const type = change === 'member-added' ? 'members.added' : 'members.removed';
  const feed = feedEvent(type, {
    id: ctx.ids.token(),
    at: ctx.clock.now(),
    traceId,
    conversationId,
    data: { userIds },
  });
  const recipients = [...new Set([...conversation.participants, ...userIds])];
  await publishOrLeaveToSync(ctx, event, recipients, feed);
}
