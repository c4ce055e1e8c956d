import type { EventHandler } from '../event-wrapper.ts';
import { type HandlerServices, participantsFor } from './services.ts';

/** Needs no join: the guide's own client types without one. */
export function typingStart(services: HandlerServices): EventHandler<'typing:start'> {
  return async (context, { conversationId }) => {
    const participants = await participantsFor(services, context, conversationId);
    services.typing.started(context.socket, conversationId, participants);
    return { conversationId };
  };
}
