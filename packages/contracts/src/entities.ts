import Type, { type Static } from 'typebox';
import { limits } from './limits.ts';
import {
  ClientMessageId,
  ConversationId,
  MessageId,
  Nullable,
  ObjectIdString,
  Seq,
  Strict,
  Text,
  Timestamp,
  UserId,
} from './primitives.ts';

export const MediaKind = Type.Union(
  [Type.Literal('image'), Type.Literal('video'), Type.Literal('audio'), Type.Literal('file')],
  { description: 'Kind of a media item' },
);
export const MessageType = Type.Union([Type.Literal('text'), ...MediaKind.anyOf], { description: 'Kind of a message' });
export const MessageStatus = Type.Union([Type.Literal('sent'), Type.Literal('delivered'), Type.Literal('read')], {
  description: 'Derived from the watermarks of the other members; it never goes back',
});

export const HttpUrl = Type.String({
  minLength: 8,
  maxLength: limits.urlLength,
  pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\u0000-\\u001F\\u007F\\uD800-\\uDFFF]+$',
  description: 'An http or https URL',
});

/** An id that `createUpload` gave. */
export const MediaId = ObjectIdString;

/** A media item as a client sends it: either an upload by its `mediaId`, or something that is elsewhere already by its `url`. */
export const MediaInput = Strict(
  {
    mediaId: Type.Optional(MediaId),
    url: Type.Optional(HttpUrl),
    type: MediaKind,
    filename: Type.Optional(Text(limits.filenameLength)),
    size: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.mediaSize, description: 'Bytes' })),
  },
  { title: 'MediaInput' },
);

const SignedUrl = Type.String({ description: 'Of an upload: signed for this reply, dead at `expiresAt`' });

/** A media item as readers get it. What goes beyond the guide is there for uploads only. */
export const MediaItem = Strict(
  {
    url: SignedUrl,
    type: MediaKind,
    filename: Type.Optional(Text(limits.filenameLength)),
    size: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.mediaSize, description: 'Bytes' })),
    mediaId: Type.Optional(MediaId),
    expiresAt: Type.Optional(Type.String({ description: 'When `url` dies: fetch the message again for a new one' })),
    width: Type.Optional(Type.Integer({ minimum: 1, description: 'Pixels, as the image is shown' })),
    height: Type.Optional(Type.Integer({ minimum: 1 })),
    placeholder: Type.Optional(Type.String({ description: 'ThumbHash of an image, base64' })),
    duration: Type.Optional(Type.Number({ minimum: 0, description: 'Seconds' })),
    thumbnailUrl: Type.Optional(SignedUrl),
  },
  { title: 'MediaItem' },
);

/** The profile fields that an application gives, by token claims or by the admin route. */
export const UserProfile = Strict(
  {
    firstName: Type.Optional(Text(200)),
    lastName: Type.Optional(Text(200)),
    name: Type.Optional(Text(400)),
    profileImage: Type.Optional(Text(limits.urlLength)),
  },
  { title: 'UserProfile' },
);

/** The sender as messages show them. */
export const Sender = Type.Object(
  {
    _id: UserId,
    firstName: Type.String(),
    lastName: Type.String(),
    name: Type.String(),
    profileImage: Nullable(Type.String()),
  },
  { title: 'Sender' },
);

/** A participant as conversations show them. */
export const Participant = Type.Object(
  {
    ...Sender.properties,
    isOnline: Type.Boolean(),
    lastSeen: Nullable(Type.Integer({ description: 'Unix time in milliseconds of the last disconnection' })),
  },
  { title: 'Participant' },
);

export const Message = Type.Object(
  {
    _id: MessageId,
    conversationId: ConversationId,
    seq: Seq,
    changeSeq: Type.Integer({
      minimum: 0,
      description: 'Number of the last change to this message, 0 if it never changed',
    }),
    senderId: Sender,
    clientMessageId: Type.Optional(ClientMessageId),
    text: Nullable(Type.String()),
    media: Type.Array(MediaItem),
    messageType: MessageType,
    status: MessageStatus,
    replyTo: Nullable(MessageId),
    deletedAt: Nullable(Timestamp),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { title: 'Message' },
);

/** The newest message of a conversation, as the list shows it. */
export const MessagePreview = Type.Object(
  {
    _id: MessageId,
    seq: Seq,
    text: Nullable(Type.String()),
    messageType: MessageType,
    senderId: Sender,
    status: MessageStatus,
    deletedAt: Nullable(Timestamp),
    createdAt: Timestamp,
  },
  { title: 'MessagePreview' },
);

export const Conversation = Type.Object(
  {
    _id: ConversationId,
    participants: Type.Array(Participant),
    isGroup: Type.Boolean(),
    name: Nullable(Type.String()),
    seq: Seq,
    unreadCount: Type.Integer({ minimum: 0 }),
    readSeq: Seq,
    lastMessage: Nullable(MessagePreview),
    lastMessageAt: Timestamp,
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { title: 'Conversation' },
);

/** How far one member has received and read a conversation. Both only grow. */
export const Watermark = Type.Object({ userId: UserId, deliveredSeq: Seq, readSeq: Seq }, { title: 'Watermark' });

export type MediaInput = Static<typeof MediaInput>;
export type MediaItem = Static<typeof MediaItem>;
export type MediaKind = Static<typeof MediaKind>;
export type MessageType = Static<typeof MessageType>;
export type MessageStatus = Static<typeof MessageStatus>;
export type UserProfile = Static<typeof UserProfile>;
export type Sender = Static<typeof Sender>;
export type Participant = Static<typeof Participant>;
export type Message = Static<typeof Message>;
export type MessagePreview = Static<typeof MessagePreview>;
export type Conversation = Static<typeof Conversation>;
export type Watermark = Static<typeof Watermark>;
