import type { EventHandler } from '../event-wrapper.ts';
import { type HandlerServices, participantsFor } from './services.ts';

/** Conversations that one socket shows at a time; the oldest goes. Source: pages show a handful. */
const MAX_OPEN = 100;

/** Messages come without a join, too: it says what the socket shows, and tells the client whether it may. */
export function joinConversation(services: HandlerServices): EventHandler<'join:conversation'> {
  return async (context, { conversationId }) => {
    await participantsFor(services, context, conversationId);
    const { open } = context.socket.data;
    open.delete(conversationId);
    open.add(conversationId);
    const [oldest] = open;
    if (open.size > MAX_OPEN && oldest) open.delete(oldest);
    return { conversationId };
  };
}
