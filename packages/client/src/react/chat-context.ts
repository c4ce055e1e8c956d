import { createContext, createElement, type ReactNode, useContext } from 'react';
import type { ChatClient } from '../client.ts';

const ChatContext = createContext<ChatClient | undefined>(undefined);

/** Gives the hooks below it their client. Who made the client connects and closes it. */
export function ChatProvider({ client, children }: { client: ChatClient; children?: ReactNode }) {
  return createElement(ChatContext.Provider, { value: client }, children);
}

/** @throws Error outside of a ChatProvider */
export function useChat(): ChatClient {
  const client = useContext(ChatContext);
  if (!client) throw new Error('The chat hooks need a <ChatProvider client={...}> above them');
  return client;
}
