import Type, { type Static, type TSchema } from 'typebox';
import { Message } from './entities.ts';
import { disconnectCatalogue, errorCatalogue } from './errors.ts';
import { ClientMessageId, ConversationId, MessageId, Seq, Strict, Timestamp, UserId } from './primitives.ts';
import { ReadBody, SendMessageBody } from './rest.ts';

const InConversation = Strict({ conversationId: ConversationId });
const codes = <T extends object>(catalogue: T) => Type.Union(Object.keys(catalogue).map((code) => Type.Literal(code)));

export interface ClientEventContract {
  summary: string;
  payload: TSchema;
  /** `data` of the ack `{success: true, data}`; a failure is `{success: false, error}`. */
  ack: TSchema;
}

/** What clients may emit. Each may carry an ack callback; without one, failures come as the `error` event. */
export const clientEvents = {
  'join:conversation': {
    summary: 'Say that this socket shows the conversation',
    payload: InConversation,
    ack: InConversation,
  },
  'leave:conversation': { summary: 'Say that it no longer does', payload: InConversation, ack: InConversation },
  'send:message': {
    summary: 'Send a message; also confirmed by `message:sent`',
    payload: SendMessageBody,
    ack: Type.Object({ messageId: MessageId, conversationId: ConversationId, seq: Seq, message: Message }),
  },
  'typing:start': { summary: 'The user types', payload: InConversation, ack: InConversation },
  'typing:stop': { summary: 'The user stopped typing', payload: InConversation, ack: InConversation },
  'message:read': {
    summary: 'The user has seen these messages',
    payload: Strict({ ...ReadBody.properties }),
    ack: InConversation,
  },
} as const satisfies Record<string, ClientEventContract>;

/** What a gateway emits. */
export const serverEvents = {
  'new:message': {
    summary: 'A message in one of the user’s conversations; to all devices of all participants, the sender’s too',
    payload: Type.Object({ message: Message }),
  },
  'message:sent': {
    summary: 'The message of this socket is stored',
    payload: Type.Object({
      messageId: MessageId,
      conversationId: ConversationId,
      seq: Seq,
      clientMessageId: Type.Optional(ClientMessageId),
      createdAt: Timestamp,
    }),
  },
  'message:delivered': {
    summary: 'A message of the user has reached every other member',
    payload: Type.Object({ messageId: MessageId, conversationId: ConversationId, seq: Seq, deliveredTo: UserId }),
  },
  'messages:read': {
    summary: 'A member has read these messages; to their senders, and to the reader’s own devices',
    payload: Type.Object({
      conversationId: ConversationId,
      messageIds: Type.Array(MessageId),
      readBy: UserId,
      readSeq: Seq,
    }),
  },
  'typing:start': {
    summary: 'Another participant types',
    payload: Type.Object({ conversationId: ConversationId, userId: UserId }),
  },
  'typing:stop': {
    summary: 'Another participant stopped typing',
    payload: Type.Object({ conversationId: ConversationId, userId: UserId }),
  },
  'user:online': { summary: 'A user of a shared conversation came online', payload: Type.Object({ userId: UserId }) },
  'user:offline': {
    summary: 'A user of a shared conversation went offline',
    payload: Type.Object({ userId: UserId, lastSeen: Type.Integer() }),
  },
  'message:deleted': {
    summary: 'A message was deleted, for everyone or for this user',
    payload: Type.Object({
      messageId: MessageId,
      conversationId: ConversationId,
      seq: Seq,
      changeSeq: Type.Integer(),
      deletedForEveryone: Type.Boolean(),
    }),
  },
  'conversation:updated': {
    summary: 'A conversation was created with the user in it, or its members changed',
    payload: Type.Object({
      conversationId: ConversationId,
      change: Type.Union([Type.Literal('created'), Type.Literal('member-added'), Type.Literal('member-removed')]),
      userIds: Type.Array(UserId),
    }),
  },
  'sync:required': {
    summary: 'Events may be missing: call sync, or fetch history',
    payload: Type.Object({ reason: Type.String() }),
  },
  'session:end': {
    summary: 'Why the gateway ends this socket, just before it does',
    payload: Type.Object({
      code: codes(disconnectCatalogue),
      message: Type.String(),
      reconnect: Type.Union([Type.Literal('yes'), Type.Literal('new-token'), Type.Literal('no')]),
      retryAfter: Type.Optional(Type.Integer({ description: 'Seconds' })),
    }),
  },
  error: {
    summary: 'An event without an ack callback failed',
    payload: Type.Object({
      message: Type.String(),
      code: codes(errorCatalogue),
      event: Type.Optional(Type.String()),
      field: Type.Optional(Type.String()),
      clientMessageId: Type.Optional(Type.String()),
      retryAfter: Type.Optional(Type.Integer({ description: 'Seconds' })),
    }),
  },
} as const satisfies Record<string, { summary: string; payload: TSchema }>;

export type ClientEventName = keyof typeof clientEvents;
export type ServerEventName = keyof typeof serverEvents;
export type ClientPayload<E extends ClientEventName> = Static<(typeof clientEvents)[E]['payload']>;
export type AckData<E extends ClientEventName> = Static<(typeof clientEvents)[E]['ack']>;
export type ServerPayload<E extends ServerEventName> = Static<(typeof serverEvents)[E]['payload']>;
