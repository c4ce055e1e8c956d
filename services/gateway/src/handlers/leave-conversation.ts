import type { EventHandler } from '../event-wrapper.ts';
import type { HandlerServices } from './services.ts';

/** Leaving needs no membership: it only forgets. Whoever leaves types there no more. */
export function leaveConversation({ typing }: HandlerServices): EventHandler<'leave:conversation'> {
  return async ({ socket }, { conversationId }) => {
    typing.left(socket, conversationId);
    return { conversationId };
  };
}
