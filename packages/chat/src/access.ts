import { ChatError } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMembership, StoredMessage } from './model.ts';
import { isSettled } from './own-row.ts';

/**
 * The conversation, if the user takes part in it.
 * @throws ChatError NOT_FOUND for foreign and unknown conversations alike
 */
export async function conversationFor(
  ctx: ChatContext,
  userId: string,
  conversationId: string,
): Promise<StoredConversation> {
  const conversation = await ctx.store.conversations.findFor(userId, conversationId);
  if (!conversation) throw new ChatError('NOT_FOUND');
  return conversation;
}

export interface MessageInReach {
  message: StoredMessage;
  conversation: StoredConversation;
  membership: StoredMembership | null;
}

/**
 * A message that the user may see.
 * @throws ChatError NOT_FOUND if there is none, it is foreign, older than the user's joining, or deleted by the user for themselves
 */
export async function messageFor(ctx: ChatContext, userId: string, messageId: string): Promise<MessageInReach> {
  const found = await messageInReach(ctx, userId, messageId);
  if (found.message.deletedFor.includes(userId)) throw new ChatError('NOT_FOUND');
  return found;
}

/**
 * A message that the user may see, or could before they deleted it for themselves: who deletes it again is told what they were told before.
 * @throws ChatError NOT_FOUND if there is none, it is foreign, or older than the user's joining
 */
export async function messageInReach(ctx: ChatContext, userId: string, messageId: string): Promise<MessageInReach> {
  const message = await ctx.store.messages.findById(messageId);
  // An unknown id costs the same two look-ups as a foreign one, so that time tells nothing either.
  const conversationId = message?.conversationId ?? NOWHERE;
  const own = () => ctx.store.memberships.find(conversationId, userId);
  const [conversation, row] = await Promise.all([ctx.store.conversations.findFor(userId, conversationId), own()]);
  if (!message || !conversation) throw new ChatError('NOT_FOUND');
  const membership = isSettled(conversation, row) ? row : await own();
  if (message.seq <= (membership?.joinedSeq ?? 0)) throw new ChatError('NOT_FOUND');
  return { message, conversation, membership };
}

const NOWHERE = '0'.repeat(24);
