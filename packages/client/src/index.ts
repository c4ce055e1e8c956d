export type {
  CompletedUpload,
  Conversation,
  MediaConfig,
  MediaInput,
  MediaItem,
  MediaKind,
  Message,
  MessageType,
  Participant,
  Sender,
} from '@confab/contracts';
export type { Presence } from './chat-state.ts';
export { ChatClient, createChatClient } from './client.ts';
export type { ConnectionState } from './connection.ts';
export type { ClientEnvironment } from './environment.ts';
export { type ClientErrorCode, ConfabError } from './error.ts';
export { kindOf } from './media.ts';
export type { Observable } from './observable.ts';
export type { ChatClientOptions, ChatEvents, Draft } from './options.ts';
export type { OutboxItem, OutboxStorage } from './outbox.ts';
export type { ChatSocket } from './socket.ts';
export type { TokenOption } from './token-source.ts';
export type { UploadFile, UploadOptions } from './upload.ts';
export type { ChatConversation, ChatMessage, LastMessage, MessageList, MessageState } from './views.ts';
export { webStorageOutbox } from './web-storage-outbox.ts';
