import type { MediaConfig } from '@confab/contracts';
import { useEffect, useMemo, useState } from 'react';
import type { Presence } from '../chat-state.ts';
import type { ConnectionState } from '../connection.ts';
import type { Draft } from '../options.ts';
import type { UploadFile, UploadOptions } from '../upload.ts';
import type { ChatConversation, ChatMessage, MessageList } from '../views.ts';
import { useChat } from './chat-context.ts';
import { useObservable } from './use-observable.ts';

export function useConnection(): ConnectionState {
  return useObservable(useChat().connection);
}

/** All conversations, the most recently active first. */
export function useConversations(): readonly ChatConversation[] {
  return useObservable(useChat().conversations);
}

export function useConversation(conversationId: string): ChatConversation | undefined {
  return useConversations().find((conversation) => conversation.id === conversationId);
}

/** Unread messages in all conversations. */
export function useUnread(): number {
  return useObservable(useChat().unread);
}

/** The messages of a conversation, which counts as shown as long as the component is there. */
export function useMessages(conversationId: string): MessageList & {
  loadOlder: () => Promise<void>;
  /** Loads history down to the message with this seq. */
  loadThrough: (seq: number) => Promise<boolean>;
  /** The user has seen everything up to this message. */
  markRead: (messageId?: string) => void;
} {
  const chat = useChat();
  const list = useObservable(chat.messages(conversationId));
  useEffect(() => chat.open(conversationId), [chat, conversationId]);
  const actions = useMemo(
    () => ({
      loadOlder: () => chat.loadOlder(conversationId),
      loadThrough: (seq: number) => chat.loadThrough(conversationId, seq),
      markRead: (messageId?: string) => chat.markRead(conversationId, messageId),
    }),
    [chat, conversationId],
  );
  return { ...list, ...actions };
}

/** One message, fetched if it is not held: what a reply names. Undefined while it is on its way, null if there is none. */
export function useMessage(messageId: string): ChatMessage | null | undefined {
  const chat = useChat();
  const message = useObservable(chat.message(messageId));
  const missing = message === undefined;
  useEffect(() => {
    // Not known for now: it is asked for again when it is shown again.
    if (missing) chat.fetchMessage(messageId).catch(() => undefined);
  }, [chat, messageId, missing]);
  return message;
}

/** Who else types, and what to call when the user does. */
export function useTyping(conversationId: string): {
  userIds: readonly string[];
  keystroke: () => void;
  stop: () => void;
} {
  const chat = useChat();
  const userIds = useObservable(chat.typing(conversationId));
  const actions = useMemo(
    () => ({
      keystroke: () => chat.notifyTyping(conversationId),
      stop: () => chat.stopTyping(conversationId),
    }),
    [chat, conversationId],
  );
  return { userIds, ...actions };
}

export function usePresence(userId: string): Presence {
  return useObservable(useChat().presence(userId));
}

/** What is done with messages of a conversation, and until when the server takes none. */
export function useSend(conversationId: string): {
  send: (draft: Draft) => string;
  retry: (clientMessageId: string) => void;
  discard: (clientMessageId: string) => void;
  remove: (messageId: string, forEveryone: boolean) => Promise<void>;
  upload: (file: UploadFile, options?: UploadOptions) => ReturnType<ReturnType<typeof useChat>['upload']>;
  /** Seconds until the server takes messages again; 0 most of the time. Counts down. */
  limitedFor: number;
} {
  const chat = useChat();
  const limitedFor = useSecondsUntil(useObservable(chat.limitedUntil));
  const actions = useMemo(
    () => ({
      send: (draft: Draft) => chat.send(conversationId, draft),
      retry: (clientMessageId: string) => chat.retry(clientMessageId),
      discard: (clientMessageId: string) => chat.discard(clientMessageId),
      remove: (messageId: string, forEveryone: boolean) => chat.deleteMessage(messageId, forEveryone),
      upload: (file: UploadFile, options?: UploadOptions) => chat.upload(conversationId, file, options),
    }),
    [chat, conversationId],
  );
  return { ...actions, limitedFor };
}

/** What the server takes in uploads; null if it takes none, undefined while that is not known. */
export function useMediaConfig(): MediaConfig | null | undefined {
  const chat = useChat();
  const [config, setConfig] = useState<MediaConfig | null>();
  const { status } = useConnection();
  useEffect(() => {
    let current = true;
    if (status === 'live' && config === undefined)
      chat.mediaConfig().then(
        (found) => current && setConfig(found),
        // Asked again after the next connection.
        () => undefined,
      );
    return () => {
      current = false;
    };
  }, [chat, status, config]);
  return config;
}

function useSecondsUntil(until: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    if (until <= Date.now()) return;
    const timer = setInterval(() => {
      setNow(Date.now());
      if (Date.now() >= until) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [until]);
  return Math.max(0, Math.ceil((until - now) / 1000));
}
