import type { Clock, ReceiptLog } from '@confab/chat';
import type { ApiCaller, ApiClient } from '../api-client.ts';
import type { EventContext } from '../event-wrapper.ts';
import type { MembershipCache } from '../membership-cache.ts';
import type { Typing } from '../typing.ts';

/** What the handlers work with. */
export interface HandlerServices {
  api: ApiClient;
  memberships: MembershipCache;
  typing: Typing;
  receipts: ReceiptLog;
  clock: Clock;
  newId: () => string;
}

/** The user of the socket, as the api is to see them. */
export const callerOf = ({ socket, traceId }: Pick<EventContext, 'socket' | 'traceId'>): ApiCaller => ({
  token: socket.data.token,
  address: socket.data.address,
  apiCalls: socket.data.apiCalls,
  traceId,
});

/**
 * @returns the participants of the conversation
 * @throws ChatError NOT_FOUND if the socket's user is none of them, whether it exists or not; UNAVAILABLE if nobody can tell
 */
export function participantsFor(
  services: Pick<HandlerServices, 'api' | 'memberships'>,
  context: Pick<EventContext, 'socket' | 'traceId'>,
  conversationId: string,
) {
  const { userId } = context.socket.data.identity;
  return services.memberships.participantsFor(userId, conversationId, () =>
    services.api.membership(callerOf(context), conversationId),
  );
}
