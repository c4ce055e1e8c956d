import { ChatError } from '@confab/contracts';
import { messageInReach } from './access.ts';
import { changeMark } from './change-marks.ts';
import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMessage } from './model.ts';
import type { Ids } from './ports/environment.ts';
import { feedEvent, outbound, publishOrLeaveToSync } from './publish.ts';
import { previewOf } from './views.ts';

export interface DeleteRequest {
  userId: string;
  messageId: string;
  forEveryone: boolean;
  traceId: string;
}

/**
 * Deletes a message for everyone (its sender only) or for the caller alone. Deleting again changes nothing; who deleted it for themselves may still
 * delete it for everyone.
 * @throws ChatError NOT_FOUND, FORBIDDEN (for everyone, by somebody else)
 */
export async function deleteMessage(ctx: ChatContext, request: DeleteRequest): Promise<{ conversationId: string }> {
  const { message, conversation } = await messageInReach(ctx, request.userId, request.messageId);
  if (request.forEveryone) {
    if (message.senderId !== request.userId)
      throw new ChatError('FORBIDDEN', { reason: 'only the sender deletes for everyone' });
    await deleteForEveryone(ctx, message, conversation, request.traceId);
  } else await deleteForSelf(ctx, message, request);
  return { conversationId: conversation.id };
}

async function deleteForEveryone(
  ctx: ChatContext,
  message: StoredMessage,
  conversation: StoredConversation,
  traceId: string,
): Promise<void> {
  const now = new Date(ctx.clock.now());
  const mark = changeMark(now, ctx.ids.token());
  if (!(await ctx.store.messages.deleteForEveryone(message.id, mark, now))) return;
  await ctx.atStep?.('media-condemned');
  const hasUploads = message.media.some((item) => item.mediaId !== undefined);
  await finishDeletion(ctx, { ...message, text: null, deletedAt: now }, conversation, { mark, hasUploads, traceId });
}

/**
 * The steps after the mark. Whatever is not the stamp comes before it: after a crash in between, the mark brings the change
 * finisher here again. Repeating them does no harm.
 */
export async function finishDeletion(
  ctx: Pick<ChatContext, 'store' | 'clock' | 'publisher' | 'feed' | 'log' | 'atStep'> & { ids: Pick<Ids, 'token'> },
  message: StoredMessage,
  conversation: StoredConversation,
  { mark, hasUploads, traceId }: { mark: string; hasUploads: boolean; traceId: string },
): Promise<void> {
  const now = new Date(ctx.clock.now());
  if (hasUploads) await ctx.store.media.condemn(message.id, now);
  await ctx.store.conversations.replacePreview(conversation.id, message.id, previewOf(message));
  const changeSeq = await stampChange(ctx, message, mark);
  const data = { messageId: message.id, seq: message.seq };
  const feed = feedEvent('message.deleted', {
    id: ctx.ids.token(),
    at: now.getTime(),
    traceId,
    conversationId: conversation.id,
    data,
  });
  await publishOrLeaveToSync(ctx, deletedEvent(message, changeSeq, true, traceId), conversation.participants, feed);
}

async function deleteForSelf(ctx: ChatContext, message: StoredMessage, request: DeleteRequest): Promise<void> {
  const mark = changeMark(new Date(ctx.clock.now()), ctx.ids.token());
  // First: it makes lists look closer at what they show, nothing else, and must not be missing after a crash.
  await ctx.store.memberships.raiseHidden(message.conversationId, request.userId, message.seq);
  if (!(await ctx.store.messages.deleteFor(message.id, request.userId, mark))) return;
  const changeSeq = await stampChange(ctx, message, mark);
  await publishOrLeaveToSync(ctx, deletedEvent(message, changeSeq, false, request.traceId), [request.userId]);
}

/** Numbers the change and stamps it. Between mark and stamp a sync sees the mark (DESIGN, catching up). */
export async function stampChange(
  ctx: Pick<ChatContext, 'store' | 'atStep'>,
  message: Pick<StoredMessage, 'id' | 'conversationId'>,
  mark: string,
): Promise<number> {
  await ctx.atStep?.('change-marked');
  const changeSeq = await ctx.store.conversations.takeChangeSeq(message.conversationId);
  await ctx.atStep?.('change-numbered');
  await ctx.store.messages.stamp(message.id, mark, changeSeq);
  return changeSeq;
}

function deletedEvent(message: StoredMessage, changeSeq: number, deletedForEveryone: boolean, traceId: string) {
  const { id: messageId, conversationId, seq } = message;
  return outbound(
    'message:deleted',
    { messageId, conversationId, seq, changeSeq, deletedForEveryone },
    { traceId, conversationId },
  );
}
