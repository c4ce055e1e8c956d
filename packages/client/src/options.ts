import type { ErrorCode, MediaInput, Message, ServerPayload } from '@confab/contracts';
import type { ConnectionState } from './connection.ts';
import type { ClientEnvironment } from './environment.ts';
import type { ConfabError } from './error.ts';
import type { OutboxItem, OutboxStorage } from './outbox.ts';
import type { ChatSocket } from './socket.ts';
import type { TokenOption } from './token-source.ts';

export interface ChatClientOptions {
  token: TokenOption;
  /** Where REST and sockets are, `https://chat.example.com`. Absent: where the page came from. */
  url?: string;
  /** Where the sockets are, if not at `url`. */
  socketUrl?: string;
  /** Path of Socket.IO. Default `/socket.io`. */
  path?: string;
  /** Default: a WebSocket, and polling where there is none. React Native: `['websocket']`. */
  transports?: string[];
  /** The user's id. Default: the `sub` of the token. */
  userId?: string;
  /** Keeps unsent messages over restarts of the program. */
  outbox?: OutboxStorage;
  /** Parts of the surroundings to replace; for tests and unusual runtimes. */
  environment?: Partial<ClientEnvironment>;
  /** A socket to use instead of an own one. */
  socket?: ChatSocket;
}

export interface Draft {
  text?: string | null;
  media?: MediaInput[];
  /** Id of the message that this one replies to. */
  replyTo?: string | null;
}

export interface ChatEvents {
  connection: ConnectionState;
  /** A message that this client did not have yet, live or caught up; the user's own too. */
  message: { message: Message; live: boolean };
  deleted: { messageId: string; conversationId: string; forEveryone: boolean };
  delivered: ServerPayload<'message:delivered'>;
  read: ServerPayload<'messages:read'>;
  typing: { conversationId: string; userIds: string[] };
  presence: { userId: string; online: boolean; lastSeen: number | null };
  unread: number;
  /** A message could not be sent, and is not tried again by itself. */
  failed: { item: OutboxItem; error: ConfabError };
  /** The server takes no message of this user before `until` (Unix time in milliseconds). */
  limited: { until: number };
  /** The server ends the connection. */
  end: ServerPayload<'session:end'>;
  /** Something failed that no call of the application waits for. `OUTBOX_STORAGE`: unsent messages may not survive the program. */
  error: { code: ErrorCode | string; message: string };
}
