import Type, { type Static, type TSchema } from 'typebox';
import { jsonBytes } from './body-bytes.ts';
import {
  Conversation,
  MediaId,
  MediaInput,
  MediaItem,
  MediaKind,
  Message,
  MessageType,
  Sender,
  UserProfile,
  Watermark,
} from './entities.ts';
import { type ErrorCode, errorCatalogue } from './errors.ts';
import { limits } from './limits.ts';
import { ClientMessageId, ConversationId, MessageId, Seq, Strict, Text, Timestamp, UserId } from './primitives.ts';

/** `{success: true, data}`, as every reply of the guide. */
export const Reply = <T extends TSchema>(data: T) => Type.Object({ success: Type.Literal(true), data });

export const ErrorReply = Type.Object(
  {
    success: Type.Literal(false),
    error: Type.Object({
      code: Type.Unsafe<ErrorCode>(Type.Union(Object.keys(errorCatalogue).map((code) => Type.Literal(code)))),
      message: Type.String(),
      field: Type.Optional(Type.String()),
      retryAfter: Type.Optional(Type.Integer()),
    }),
    retryAfter: Type.Optional(Type.Integer({ description: 'Seconds; with 429 and 503' })),
  },
  { title: 'ErrorReply' },
);

export const SendMessageBody = Strict(
  {
    conversationId: ConversationId,
    text: Type.Optional(Type.Union([Text(limits.textLength), Type.Null()])),
    media: Type.Optional(Type.Array(MediaInput, { maxItems: limits.mediaItems })),
    messageType: Type.Optional(MessageType),
    replyTo: Type.Optional(Type.Union([MessageId, Type.Null()])),
    clientMessageId: Type.Optional(ClientMessageId),
  },
  { title: 'SendMessage' },
);

/** A send as one of several: with what its own request would have in its headers. */
const SendOfMany = Strict({
  token: Type.String({ minLength: 1, maxLength: 8_192, description: 'The sender’s own' }),
  address: Type.String({
    maxLength: 64,
    description: 'The client’s; believed of trusted proxies alone, as X-Forwarded-For',
  }),
  traceId: Type.Optional(Type.String({ maxLength: 64 })),
  traceparent: Type.Optional(Type.String({ maxLength: 55 })),
  body: SendMessageBody,
});

export const SendMessagesBody = Strict(
  { items: Type.Array(SendOfMany, { minItems: 1, maxItems: limits.sendsAtOnce }) },
  { title: 'SendMessages' },
);

export const ReadBody = Strict({
  conversationId: ConversationId,
  messageIds: Type.Optional(
    Type.Array(MessageId, { maxItems: limits.readIds, description: 'All of the conversation if absent' }),
  ),
});

export const ReadResult = Type.Object({ conversationId: ConversationId, readSeq: Seq, unreadCount: Type.Integer() });

const SyncCursor = Type.String({
  pattern: '^[0-9]{1,15}\\.[0-9]{1,15}\\.[0-9]{1,15}$',
  description: 'seq.changeSeq.marks, as the last reply gave it; 0.0.0 to begin',
});

export const SyncBody = Strict({
  cursors: Type.Optional(
    Type.Record(Type.String({ pattern: '^[0-9a-f]{24}$' }), SyncCursor, {
      maxProperties: limits.syncCursors,
      additionalProperties: false,
      description: 'conversationId -> cursor; the conversations that the caller is in and does not name come too',
    }),
  ),
  others: Type.Optional(
    Type.Boolean({
      description:
        'false: only the named conversations. For callers in more than can be named at once: they name them part by part, and find new ones in the list',
    }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.syncLimit, description: 'Messages and changes in the whole reply' }),
  ),
});

export const SyncConversation = Type.Object(
  {
    conversationId: ConversationId,
    verdict: Type.Union([Type.Literal('complete'), Type.Literal('truncated'), Type.Literal('reset')], {
      description:
        'complete: nothing was left out. truncated: call again with the new cursor (after retryAfter seconds if given). reset: drop what you hold of it, begin with this page',
    }),
    cursor: Type.String(),
    retryAfter: Type.Optional(Type.Integer()),
    conversation: Type.Optional(Conversation),
    messages: Type.Array(Message, { description: 'New messages in ascending order' }),
    changes: Type.Array(Message, { description: 'Messages at or below the cursor that changed since, deletions too' }),
    hidden: Type.Array(MessageId, { description: 'Messages that this user deleted for themselves since' }),
    watermarks: Type.Array(Watermark),
  },
  { title: 'SyncConversation' },
);

export const SyncResult = Type.Object({
  conversations: Type.Array(SyncConversation),
  left: Type.Array(Type.String(), { description: 'Named conversations that the caller is not in' }),
  more: Type.Boolean({ description: 'Some conversation is truncated or was not reached: call again' }),
});

export const CreateUploadBody = Strict(
  {
    filename: Text(limits.filenameLength, { minLength: 1 }),
    contentType: Type.String({
      maxLength: 127,
      pattern: '^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;[ -~]*)?$',
      description: 'A media type; parameters (`;codecs=...`) are dropped',
    }),
    size: Type.Integer({ minimum: 1, maximum: limits.mediaSize, description: 'Bytes, exactly' }),
    conversationId: ConversationId,
  },
  { title: 'CreateUpload' },
);

/** Where a file goes, and how: `method` to `uploadUrl` with `headers` and the bytes as body, or as form with `fields` and the part `file` last. */
export const UploadTicket = Type.Object(
  {
    mediaId: MediaId,
    uploadUrl: Type.String(),
    method: Type.Union([Type.Literal('PUT'), Type.Literal('POST')]),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    fields: Type.Optional(Type.Record(Type.String(), Type.String())),
    expiresAt: Timestamp,
  },
  { title: 'UploadTicket' },
);

/** An upload whose bytes were checked. */
export const CompletedUpload = Type.Object(
  {
    mediaId: MediaId,
    type: MediaKind,
    filename: Type.String(),
    size: Type.Integer(),
    contentType: Type.String(),
    width: MediaItem.properties.width,
    height: MediaItem.properties.height,
    placeholder: MediaItem.properties.placeholder,
    duration: MediaItem.properties.duration,
  },
  { title: 'CompletedUpload' },
);

const ByKind = <T extends TSchema>(schema: T) =>
  Type.Object({ image: schema, video: schema, audio: schema, file: schema });

export const MediaConfig = Type.Object(
  {
    maxBytes: ByKind(Type.Integer({ description: 'Of one file' })),
    types: ByKind(Type.Array(Type.String())),
    linkSeconds: Type.Integer({ description: 'How long a signed URL is good for' }),
    ticketsPerMinute: Type.Integer(),
  },
  { title: 'MediaConfig' },
);

const ConversationParams = Strict({ conversationId: ConversationId });
const MessageParams = Strict({ messageId: MessageId });
const MemberParams = Strict({ conversationId: ConversationId, userId: UserId });
const Members = Type.Array(UserId, { minItems: 1, maxItems: limits.groupParticipants - 1 });
const CreateGroupBody = Strict({ participants: Members, name: Type.Optional(Text(200)) });
const AddMembersBody = Strict({ userIds: Members });
const Provisioned = Strict({ _id: UserId, ...UserProfile.properties });
const PutUsersBody = Strict({ users: Type.Array(Provisioned, { minItems: 1, maxItems: limits.bulkUsers }) });

/** Who may call a route: a user's token, or a service token whose scope has `chat:admin`. */
export type RouteAccess = 'user' | 'admin';

export interface RouteContract {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  access: RouteAccess;
  summary: string;
  status: 200 | 201;
  params?: TSchema;
  query?: TSchema;
  body?: TSchema;
  /** Bytes that the body has at most, where that is more than `limits.bodyBytes`. Source: what the schema allows. */
  bodyBytes?: number;
  reply: TSchema;
}

/**
 * Every route under `/api/chat`. The api registers exactly these, OpenAPI is made from them, and the tests that walk
 * "all routes" walk this object.
 */
export const routes = {
  listConversations: {
    method: 'GET',
    path: '/api/chat/conversations',
    access: 'user',
    summary: 'All conversations of the caller, the most recent first',
    status: 200,
    query: Strict({
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.conversationLimit })),
      before: Type.Optional(Text(60, { description: 'nextCursor of the page before' })),
    }),
    reply: Type.Object({
      success: Type.Literal(true),
      data: Type.Array(Conversation),
      nextCursor: Type.Optional(Type.String({ description: 'There are more: pass it as `before`' })),
    }),
  },
  openConversation: {
    method: 'GET',
    path: '/api/chat/conversation/:participantId',
    access: 'user',
    summary: 'The conversation with this user; created if there was none',
    status: 200,
    params: Strict({ participantId: UserId }),
    reply: Reply(Conversation),
  },
  createGroup: {
    method: 'POST',
    path: '/api/chat/conversations',
    access: 'user',
    summary: 'Create a group',
    status: 201,
    body: CreateGroupBody,
    bodyBytes: jsonBytes(CreateGroupBody),
    reply: Reply(Conversation),
  },
  addMembers: {
    method: 'POST',
    path: '/api/chat/conversation/:conversationId/members',
    access: 'user',
    summary: 'Add users to a group (its owner only)',
    status: 200,
    params: ConversationParams,
    body: AddMembersBody,
    bodyBytes: jsonBytes(AddMembersBody),
    reply: Reply(Conversation),
  },
  removeMember: {
    method: 'DELETE',
    path: '/api/chat/conversation/:conversationId/members/:userId',
    access: 'user',
    summary:
      'Leave a group, or remove a member (its owner only). When the owner leaves, the group is owned by who has been in it the longest',
    status: 200,
    params: MemberParams,
    reply: Reply(Type.Object({ conversationId: ConversationId, userId: UserId })),
  },
  membership: {
    method: 'GET',
    path: '/api/chat/conversation/:conversationId/membership',
    access: 'user',
    summary: 'The ids of the participants; for gateways, which ask before a join or typing',
    status: 200,
    params: ConversationParams,
    reply: Reply(
      Type.Object({ conversationId: ConversationId, participants: Type.Array(UserId), isGroup: Type.Boolean() }),
    ),
  },
  listMessages: {
    method: 'GET',
    path: '/api/chat/conversation/:conversationId/messages',
    access: 'user',
    summary: 'History: page 1 holds the newest messages, each page in ascending order',
    status: 200,
    params: ConversationParams,
    query: Strict({
      page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.pageLimit })),
      before: Type.Optional(
        Type.Integer({ minimum: 1, description: 'Only messages with a smaller seq; pages do not shift then' }),
      ),
      after: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Only messages with a greater seq, the oldest first' }),
      ),
    }),
    reply: Type.Object({
      success: Type.Literal(true),
      data: Type.Array(Message),
      pagination: Type.Object({ page: Type.Integer(), limit: Type.Integer(), total: Type.Integer() }),
    }),
  },
  getMessage: {
    method: 'GET',
    path: '/api/chat/message/:messageId',
    access: 'user',
    summary: 'One message, for example the one that a reply names',
    status: 200,
    params: MessageParams,
    reply: Reply(Message),
  },
  sendMessage: {
    method: 'POST',
    path: '/api/chat/message',
    access: 'user',
    summary: 'Send a message',
    status: 201,
    body: SendMessageBody,
    reply: Reply(Message),
  },
  sendMessages: {
    method: 'POST',
    path: '/api/chat/messages/batch',
    access: 'user',
    summary:
      'Several sends in one request, for gateways under load: each is authenticated, limited and answered as if it had come alone',
    status: 200,
    body: SendMessagesBody,
    reply: Reply(Type.Object({ results: Type.Array(Type.Union([Reply(Message), ErrorReply])) })),
  },
  deleteMessage: {
    method: 'DELETE',
    path: '/api/chat/message/:messageId',
    access: 'user',
    summary: 'Delete a message for everyone (its sender only) or for the caller',
    status: 200,
    params: MessageParams,
    body: Strict({ deleteForEveryone: Type.Optional(Type.Boolean({ default: false })) }),
    reply: Reply(
      Type.Object({ messageId: MessageId, conversationId: ConversationId, deletedForEveryone: Type.Boolean() }),
    ),
  },
  markRead: {
    method: 'POST',
    path: '/api/chat/messages/read',
    access: 'user',
    summary: 'Move the caller’s read watermark to the highest of these messages, or to the end',
    status: 200,
    body: ReadBody,
    reply: Reply(ReadResult),
  },
  unreadCount: {
    method: 'GET',
    path: '/api/chat/unread-count',
    access: 'user',
    summary: 'Messages of others that the caller has not read',
    status: 200,
    reply: Reply(Type.Object({ unreadCount: Type.Integer({ minimum: 0 }) })),
  },
  sync: {
    method: 'POST',
    path: '/api/chat/sync',
    access: 'user',
    summary: 'What happened since these cursors, with a verdict per conversation',
    status: 200,
    body: SyncBody,
    reply: Reply(SyncResult),
  },
  mediaConfig: {
    method: 'GET',
    path: '/api/chat/media/config',
    access: 'user',
    summary: 'What may be uploaded; NOT_FOUND where the deployment takes no uploads',
    status: 200,
    reply: Reply(MediaConfig),
  },
  createUpload: {
    method: 'POST',
    path: '/api/chat/media/uploads',
    access: 'user',
    summary: 'A ticket to upload one file for a message of this conversation',
    status: 201,
    body: CreateUploadBody,
    reply: Reply(UploadTicket),
  },
  completeUpload: {
    method: 'POST',
    path: '/api/chat/media/uploads/:mediaId/complete',
    access: 'user',
    summary: 'Check what was uploaded, before a message names it (sending does it too, if this was not called)',
    status: 200,
    params: Strict({ mediaId: MediaId }),
    reply: Reply(CompletedUpload),
  },
  putUser: {
    method: 'PUT',
    path: '/api/chat/users/:id',
    access: 'admin',
    summary: 'Create or replace a user’s profile',
    status: 200,
    params: Strict({ id: UserId }),
    body: UserProfile,
    reply: Reply(Sender),
  },
  putUsers: {
    method: 'PUT',
    path: '/api/chat/users',
    access: 'admin',
    summary: 'Create or replace up to 500 profiles',
    status: 200,
    body: PutUsersBody,
    bodyBytes: jsonBytes(PutUsersBody),
    reply: Reply(Type.Object({ users: Type.Integer() })),
  },
  revoke: {
    method: 'POST',
    path: '/api/chat/admin/revocations',
    access: 'admin',
    summary: 'Refuse every token of a user issued before now, or one token by its id (jti)',
    status: 201,
    body: Type.Union([Strict({ userId: UserId }), Strict({ tokenId: Type.String({ minLength: 1, maxLength: 256 }) })]),
    reply: Reply(Type.Object({ revokedAt: Timestamp })),
  },
} as const satisfies Record<string, RouteContract>;

export type RouteName = keyof typeof routes;
export type SendMessageBody = Static<typeof SendMessageBody>;
export type SendMessagesBody = Static<typeof SendMessagesBody>;
export type CreateUploadBody = Static<typeof CreateUploadBody>;
export type UploadTicket = Static<typeof UploadTicket>;
export type CompletedUpload = Static<typeof CompletedUpload>;
export type MediaConfig = Static<typeof MediaConfig>;
export type ReadBody = Static<typeof ReadBody>;
export type ReadResult = Static<typeof ReadResult>;
export type SyncBody = Static<typeof SyncBody>;
export type SyncConversation = Static<typeof SyncConversation>;
export type SyncResult = Static<typeof SyncResult>;
export type ErrorReply = Static<typeof ErrorReply>;
