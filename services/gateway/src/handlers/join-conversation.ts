import type { EventHandler } from '../event-wrapper.ts';
import { type HandlerServices, participantsFor } from './services.ts';

/** Messages come without a join, too: it tells the client whether it may, and has the members at hand for what follows. */
export function joinConversation(services: HandlerServices): EventHandler<'join:conversation'> {
  return async (context, { conversationId }) => {
    await participantsFor(services, context, conversationId);
    return { conversationId };
  };
}
