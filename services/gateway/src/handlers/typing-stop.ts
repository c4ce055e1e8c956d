import type { EventHandler } from '../event-wrapper.ts';
import { type HandlerServices, participantsFor } from './services.ts';

/** A socket that types there is known to be a participant: its stop needs no question, and goes out while the api is away too. */
export function typingStop(services: HandlerServices): EventHandler<'typing:stop'> {
  return async (context, { conversationId }) => {
    if (!context.socket.data.typing.has(conversationId)) await participantsFor(services, context, conversationId);
    services.typing.left(context.socket, conversationId);
    return { conversationId };
  };
}
