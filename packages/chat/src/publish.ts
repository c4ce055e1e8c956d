import {
  type FeedEvent,
  type Message,
  type ServerEventName,
  type ServerPayload,
  STREAM_VERSION,
} from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { StoredMessage, StoredUser } from './model.ts';
import type { OutboundEvent } from './ports/bus.ts';
import { type SigningContext, viewMedia } from './view-media.ts';
import { messageView } from './views.ts';

/** A socket event with its payload encoded, once, for all sockets that it will reach. */
export function outbound<E extends ServerEventName>(
  event: E,
  payload: ServerPayload<E>,
  fields: Omit<OutboundEvent, 'event' | 'payload'>,
): OutboundEvent {
  return { event, payload: encoded(event, payload), ...fields };
}

/** The payload of a socket event as text. */
export const encoded = <E extends ServerEventName>(_event: E, payload: ServerPayload<E>): string =>
  JSON.stringify(payload);

/** The `new:message` event. Its id is the message's: a re-send by the relay has the same one. */
export function newMessageEvent(message: StoredMessage, view: Message, traceId: string): OutboundEvent {
  return outbound(
    'new:message',
    { message: view },
    {
      id: message.id,
      traceId,
      conversationId: message.conversationId,
      messageId: message.id,
      senderId: message.senderId,
      seq: message.seq,
    },
  );
}

export function feedEvent(
  type: FeedEvent['type'],
  fields: { id: string; at: number; traceId: string; conversationId: string; data: Record<string, unknown> },
): FeedEvent {
  return { v: STREAM_VERSION, type, ...fields };
}

/** Participants that an event of the feed names. Source: 20 ids of 40 characters are a kilobyte, and the feed keeps tens of thousands. */
const FEED_PARTICIPANTS = 20;

/** Who is in a conversation, for the feed: how many, and who where they are few. For the others a consumer asks the api. */
export function feedParticipants(participants: readonly string[]): {
  participantCount: number;
  participants?: readonly string[];
} {
  const participantCount = participants.length;
  return participantCount <= FEED_PARTICIPANTS ? { participantCount, participants } : { participantCount };
}

/** A new message as everybody gets it: its media are signed at this moment, once for all participants. */
export async function newMessageView(
  ctx: SigningContext,
  message: StoredMessage,
  sender: StoredUser | undefined,
): Promise<Message> {
  return messageView(message, sender, 'sent', await viewMedia(ctx, message.media));
}

/**
 * Tells the participants' gateways and the feed of a stored message.
 * @throws ChatError UNAVAILABLE if the bus is away: the message stays in the outbox then
 */
export async function publishMessage(
  ctx: Pick<ChatContext, 'publisher' | 'feed'>,
  message: StoredMessage,
  view: Message,
  to: { participants: readonly string[]; traceId: string },
): Promise<void> {
  const { id, conversationId, senderId, seq } = message;
  const at = message.createdAt.getTime();
  const { messageType } = message;
  const data = { messageId: id, senderId, seq, messageType, ...feedParticipants(to.participants) };
  await Promise.all([
    ctx.publisher.publish(newMessageEvent(message, view, to.traceId), to.participants),
    ctx.feed.append(feedEvent('message.created', { id, at, traceId: to.traceId, conversationId, data })),
  ]);
}

/**
 * Publishes what is not in the outbox (deletions, receipts, membership): a client that misses it learns it by sync, because it is
 * stamped in the store before this is called. So a bus that is away is noted and not an error of the caller.
 */
export async function publishOrLeaveToSync(
  ctx: Pick<ChatContext, 'publisher' | 'feed' | 'log'>,
  event: OutboundEvent,
  recipients: readonly string[],
  feed?: FeedEvent,
): Promise<void> {
  try {
    await Promise.all([ctx.publisher.publish(event, recipients), feed && ctx.feed.append(feed)]);
  } catch (error) {
    ctx.log.warn(
      { err: error, event: event.event, traceId: event.traceId },
      'event not published; clients will find it by sync',
    );
  }
}
