import { type ReadReceipt, STREAM_VERSION } from '@confab/contracts';
import type { EventContext, EventHandler } from '../event-wrapper.ts';
import { type HandlerServices, participantsFor } from './services.ts';

/** Acknowledged once the receipt is in the log; the worker moves the watermark and tells the senders. */
export function messageRead(services: HandlerServices): EventHandler<'message:read'> {
  return async (context, { conversationId, messageIds }) => {
    await participantsFor(services, context, conversationId);
    await services.receipts.append([receipt(services, context, conversationId, messageIds)]);
    return { conversationId };
  };
}

function receipt(
  { clock, newId }: HandlerServices,
  { socket, traceId }: EventContext,
  conversationId: string,
  messageIds: string[] | undefined,
): ReadReceipt {
  return {
    v: STREAM_VERSION,
    id: newId(),
    at: clock.now(),
    traceId,
    type: 'read',
    conversationId,
    userId: socket.data.identity.userId,
    ...(messageIds && { messageIds }),
  };
}
