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
  const { conversation, created } = await createWithinBudget(ctx, pair);
  if (created) {
    await ctx.store.memberships.ensure(conversation.id, pair, 0);
    await announceCreated(ctx, conversation, request.traceId);
  }
  return describeConversation(ctx, userId, conversation);
}

/**
 * Each request is counted by a token of its own, and who did not create the conversation gives that back. Were two that open the same one
 * at once counted as one, the loser would give back the only count of a conversation that is there.
 */
async function createWithinBudget(ctx: ChatContext, pair: [userId: string, participantId: string]) {
  const [userId] = pair;
  const token = ctx.ids.token();
  const refusal = await conversationRefusal(ctx, userId, token);
  if (refusal) {
    // Another request for the same one may have had the last of the budget: opening what exists is free.
    const conversation = await ctx.store.conversations.findDirect(pairKeyOf(pair));
    if (!conversation) throw refusal;
    return { conversation, created: false };
  }
  const opened = await ctx.store.conversations.createDirect(pair, new Date(ctx.clock.now()));
  if (!opened.created) await ctx.limiter.giveBack(budgetOf(userId), token);
  return opened;
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
  const refusal = await conversationRefusal(ctx, request.userId, ctx.ids.token());
  if (refusal) throw refusal;
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

const budgetOf = (userId: string): string => `conversations:${userId}`;

/** Counts a new conversation of the user's. @returns the refusal, where there is no room for it */
async function conversationRefusal(ctx: ChatContext, userId: string, token: string): Promise<ChatError | undefined> {
  const rule = { limit: ctx.settings.conversationsPerHour, windowMs: 3_600_000 };
  const taken = await ctx.limiter.take(budgetOf(userId), rule, token);
  if (taken.allowed) return undefined;
  return new ChatError('RATE_LIMITED', {
    retryAfter: taken.retryAfter,
    reason: `at most ${rule.limit} new conversations an hour`,
  });
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
