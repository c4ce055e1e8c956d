import type { EventHandlers } from '../event-wrapper.ts';
import { joinConversation } from './join-conversation.ts';
import { leaveConversation } from './leave-conversation.ts';
import { messageRead } from './message-read.ts';
import { sendMessage } from './send-message.ts';
import type { HandlerServices } from './services.ts';
import { typingStart } from './typing-start.ts';
import { typingStop } from './typing-stop.ts';

/** A handler for every event that clients may emit. */
export function createHandlers(services: HandlerServices): EventHandlers {
  return {
    'join:conversation': joinConversation(services),
    'leave:conversation': leaveConversation(services),
    'send:message': sendMessage(services),
    'typing:start': typingStart(services),
    'typing:stop': typingStop(services),
    'message:read': messageRead(services),
  };
}
