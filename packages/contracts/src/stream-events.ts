import Type, { type Static, type TSchema } from 'typebox';
import { UserProfile } from './entities.ts';
import { ConversationId, MessageId, Seq, UserId } from './primitives.ts';

/** The version that this build writes. Raised when a field is added that a reader should know of. */
export const STREAM_VERSION = 1;
/** The version of inbox entries that carry several events: a reader of version 1 would see only the last of them. */
export const INBOX_PACK_VERSION = 2;
/** The version of metas that are followed by several payloads: a reader of version 2 would see only the last of them. */
export const INBOX_SERIES_VERSION = 3;

/**
 * What every stream entry carries. Readers ignore fields and types that they do not know. `min` is the oldest reader version that
 * understands the entry (default: `v`): a reader older than that sets it aside as a dead letter, it never guesses.
 */
const Envelope = {
  v: Type.Integer({ minimum: 1, description: 'Version of the writer' }),
  min: Type.Optional(Type.Integer({ minimum: 1, description: 'Oldest reader version that understands this entry' })),
  id: Type.String({ minLength: 1, maxLength: 64, description: 'Stable over re-sends: consumers are idempotent by it' }),
  at: Type.Integer({ description: 'Unix time in milliseconds when the writer made it' }),
  traceId: Type.String({ maxLength: 64 }),
  traceparent: Type.Optional(
    Type.String({ maxLength: 55, description: 'W3C: the span that made the entry, where traces are on' }),
  ),
};

/**
 * An entry of `inbox:{instance}`: `m` is this meta as JSON, `p` the payload of the socket event as JSON, passed through to sockets
 * as it is, so that no gateway parses and encodes it again. An entry may carry several events, as `m`, `p`, `m`, `p` and so on, in
 * order; their metas then have `v` 2. Events that differ in nothing but their payloads may share a meta, as `m`, `p`, `p` and so on; it then has
 * `v` 3.
 */
export const InboxMeta = Type.Object(
  {
    ...Envelope,
    event: Type.String({ description: 'Name of the socket event' }),
    to: Type.Array(UserId, { description: 'The users of this gateway that it goes to' }),
    conversationId: Type.Optional(ConversationId),
    messageId: Type.Optional(MessageId),
    senderId: Type.Optional(UserId),
    seq: Type.Optional(Seq),
    userIds: Type.Optional(Type.Array(UserId)),
  },
  { title: 'InboxMeta' },
);

const DeliveredItem = Type.Object({ messageId: MessageId, seq: Seq, senderId: UserId });

/** Entries of `receipts:{p}`, partitioned by conversation (presence: by user). */
export const receiptEvents = {
  delivered: Type.Object({
    ...Envelope,
    type: Type.Literal('delivered'),
    conversationId: ConversationId,
    userIds: Type.Array(UserId, { minItems: 1 }),
    items: Type.Array(DeliveredItem, { minItems: 1 }),
  }),
  read: Type.Object({
    ...Envelope,
    type: Type.Literal('read'),
    conversationId: ConversationId,
    userId: UserId,
    messageIds: Type.Optional(Type.Array(MessageId, { description: 'As the client named them; absent: everything' })),
    fromSeq: Type.Optional(Seq),
    toSeq: Type.Optional(Seq),
  }),
  presence: Type.Object({
    ...Envelope,
    type: Type.Literal('presence'),
    userId: UserId,
    state: Type.Union([Type.Literal('connected'), Type.Literal('disconnected')]),
    profile: Type.Optional(UserProfile),
  }),
} as const satisfies Record<string, TSchema>;

/** Entries of `events:{p}`, the durable feed for other consumers (push, webhooks, search), partitioned by conversation. */
export const FeedEvent = Type.Object(
  {
    ...Envelope,
    type: Type.Union([
      Type.Literal('message.created'),
      Type.Literal('message.deleted'),
      Type.Literal('conversation.created'),
      Type.Literal('members.added'),
      Type.Literal('members.removed'),
    ]),
    conversationId: ConversationId,
    data: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'message.created: messageId, senderId, seq, messageType, participantCount and, up to 20, participants. conversation.created: isGroup, participantCount and, up to 20, participants.',
    }),
  },
  { title: 'FeedEvent' },
);

/** Ephemeral signals over sharded Pub/Sub: lost without harm. */
export const Signal = Type.Object(
  {
    event: Type.Union([Type.Literal('typing:start'), Type.Literal('typing:stop')]),
    to: Type.Array(UserId),
    conversationId: ConversationId,
    userId: UserId,
  },
  { title: 'Signal' },
);

export type InboxMeta = Static<typeof InboxMeta>;
export type DeliveredReceipt = Static<typeof receiptEvents.delivered>;
export type ReadReceipt = Static<typeof receiptEvents.read>;
export type PresenceReceipt = Static<typeof receiptEvents.presence>;
export type ReceiptEvent = DeliveredReceipt | ReadReceipt | PresenceReceipt;
export type FeedEvent = Static<typeof FeedEvent>;
export type Signal = Static<typeof Signal>;
