import { ChatError, type Conversation } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { describeConversation } from './list-conversations.ts';
import type { StoredConversation } from './model.ts';
import { feedEvent, feedParticipants, outbound, publishOrLeaveToSync } from './publish.ts';

/** The key under which two users find their one conversation. JSON keeps ids with any separator apart. */
export const pairKeyOf = (pair: readonly [string, string]): string => JSON.stringify([...pair].sort());

/**
 * The conversation of two users; created if there was none. Opening an existing one is free, creating one counts against the hourly limit.
 * @throws ChatError VALIDATION_FAILED (with oneself), NOT_FOUND (unknown user, where users must be known), RATE_LIMITED
 */
export async function openConversation(
  ctx: ChatContext,
  request: { userId: string; participantId: string; traceId: string },
): Promise<Conversation> {
  const { userId, participantId } = request;
  if (participantId === userId)
    throw new ChatError('VALIDATION_FAILED', { field: 'participantId', reason: 'is the caller' });
  const pair: [string, string] = [userId, participantId];
  const existing = await ctx.store.conversations.findDirect(pairKeyOf(pair));
  if (existing) return describeConversation(ctx, userId, existing);

  await requireKnown(ctx, [participantId]);
  await takeConversationBudget(ctx, userId, pairKeyOf(pair));
  const { conversation, created } = await ctx.store.conversations.createDirect(pair, new Date(ctx.clock.now()));
  if (created) await ctx.store.memberships.ensure(conversation.id, pair, 0);
  else await ctx.limiter.giveBack(`conversations:${userId}`, pairKeyOf(pair));
  if (created) await announceCreated(ctx, conversation, request.traceId);
  return describeConversation(ctx, userId, conversation);
}

/**
 * Creates a group of the caller and others.
 * @throws ChatError VALIDATION_FAILED (nobody but the caller), NOT_FOUND, RATE_LIMITED
 */
export async function createGroup(
  ctx: ChatContext,
  request: { userId: string; participants: readonly string[]; name: string | undefined; traceId: string },
): Promise<Conversation> {
  const participants = [...new Set([request.userId, ...request.participants])];
  if (participants.length < 2)
    throw new ChatError('VALIDATION_FAILED', { field: 'participants', reason: 'names nobody but the caller' });
  await requireKnown(ctx, participants.slice(1));
  await takeConversationBudget(ctx, request.userId, ctx.ids.token());
  const conversation = await ctx.store.conversations.createGroup({
    participants,
    name: request.name ?? null,
    ownerId: request.userId,
    now: new Date(ctx.clock.now()),
  });
  await ctx.store.memberships.ensure(conversation.id, participants, 0);
  await announceCreated(ctx, conversation, request.traceId);
  return describeConversation(ctx, request.userId, conversation);
}

/** @throws ChatError NOT_FOUND if users must be known and one is not */
export async function requireKnown(ctx: ChatContext, userIds: readonly string[]): Promise<void> {
  if (!ctx.settings.requireKnownUsers) return;
  const known = await ctx.store.users.findMany([...userIds]);
  if (known.length < new Set(userIds).size) throw new ChatError('NOT_FOUND');
}

async function takeConversationBudget(ctx: ChatContext, userId: string, member: string): Promise<void> {
  const rule = { limit: ctx.settings.conversationsPerHour, windowMs: 3_600_000 };
  const taken = await ctx.limiter.take(`conversations:${userId}`, rule, member);
  if (!taken.allowed) {
    throw new ChatError('RATE_LIMITED', {
      retryAfter: taken.retryAfter,
      reason: `at most ${rule.limit} new conversations an hour`,
    });
  }
}

async function announceCreated(ctx: ChatContext, conversation: StoredConversation, traceId: string): Promise<void> {
  const { id: conversationId, participants } = conversation;
  const event = outbound(
    'conversation:updated',
    { conversationId, change: 'created', userIds: participants },
    { traceId, conversationId, userIds: participants },
  );
  const data = { ...feedParticipants(participants), isGroup: conversation.isGroup };
  const feed = feedEvent('conversation.created', {
    id: conversationId,
    at: ctx.clock.now(),
    traceId,
    conversationId,
    data,
  });
  await publishOrLeaveToSync(ctx, event, participants, feed);
}
