import type { IncomingHttpHeaders } from 'node:http';
import {
  deleteMessage,
  getMessage,
  isPlain,
  listMessages,
  markRead,
  sendInOrder,
  sendMessage,
  sync,
  unreadCount,
} from '@confab/chat';
import { ChatError, ClientMessageId, type SendMessageBody, validatorOf } from '@confab/contracts';
import { type Handlers, ok } from './types.ts';

export const messageHandlers = {
  listMessages: async (ctx, { identity, params, query, traceId }) => {
    const { messages, pagination } = await listMessages(ctx, { userId: identity.userId, ...params, ...query, traceId });
    return { ...ok(messages), pagination };
  },
  getMessage: async (ctx, { identity, params }) => ok(await getMessage(ctx, identity.userId, params.messageId)),
  sendMessage: async (ctx, { identity, body, headers, traceId }) =>
    ok(await sendMessage(ctx, { senderId: identity.userId, body: withIdempotencyKey(body, headers), traceId })),
  sendMessages: async (ctx, { body, within }) =>
    ok({
      results: await within({
        operation: 'sendMessage',
        callers: body.items,
        laneOf: (item) => (isPlain(item.body) ? item.body.conversationId : undefined),
        run: (calls) =>
          sendInOrder(
            ctx,
            calls.map(({ caller, identity, traceId }) => ({ senderId: identity.userId, body: caller.body, traceId })),
          ),
      }),
    }),
  deleteMessage: async (ctx, { identity, params, body, traceId }) => {
    const { messageId } = params;
    const deletedForEveryone = body.deleteForEveryone ?? false;
    const { conversationId } = await deleteMessage(ctx, {
      userId: identity.userId,
      messageId,
      forEveryone: deletedForEveryone,
      traceId,
    });
    return ok({ messageId, conversationId, deletedForEveryone });
  },
  markRead: async (ctx, { identity, body, traceId }) =>
    ok(await markRead(ctx, { userId: identity.userId, ...body, traceId })),
  unreadCount: async (ctx, { identity }) => ok({ unreadCount: await unreadCount(ctx, identity.userId) }),
  sync: async (ctx, { identity, body, traceId }) => ok(await sync(ctx, { userId: identity.userId, body, traceId })),
} satisfies Partial<Handlers>;

/** The header is the body field's other name. Both at once must agree: two ids for one message cannot both be honoured. */
function withIdempotencyKey(body: SendMessageBody, headers: IncomingHttpHeaders): SendMessageBody {
  const key = headers['idempotency-key'];
  if (key === undefined) return body;
  if (!validatorOf(ClientMessageId).Check(key)) {
    throw new ChatError('VALIDATION_FAILED', { field: 'Idempotency-Key', reason: 'is 1 to 100 printable characters' });
  }
  if (body.clientMessageId !== undefined && body.clientMessageId !== key) {
    throw new ChatError('VALIDATION_FAILED', { field: 'Idempotency-Key', reason: 'differs from clientMessageId' });
  }
  return { ...body, clientMessageId: key as string };
}
