import type { EventHandler } from '../event-wrapper.ts';
import { callerOf, type HandlerServices } from './services.ts';

/** The api stores the message with the user's own token; its answer is the confirmation. */
export function sendMessage({ api }: HandlerServices): EventHandler<'send:message'> {
  return async (context, body) => {
    const { socket, traceId } = context;
    const send = { traceId, body, cameAt: performance.now() };
    const message = await socket.data.lanes.run(body.conversationId, send, (sends) =>
      api.sendMessages(callerOf(context), sends),
    );
    const { _id: messageId, conversationId, seq, clientMessageId, createdAt } = message;
    if (!socket.data.ended) {
      const confirmation = { messageId, conversationId, seq, createdAt, ...(clientMessageId && { clientMessageId }) };
      socket.emit('message:sent', confirmation);
    }
    return { messageId, conversationId, seq, message };
  };
}
