export * from '../index.ts';
export { ChatProvider, useChat } from './chat-context.ts';
export {
  useConnection,
  useConversation,
  useConversations,
  useMediaConfig,
  useMessage,
  useMessages,
  usePresence,
  useSend,
  useTyping,
  useUnread,
} from './hooks.ts';
export { useObservable } from './use-observable.ts';
