import { readingInWindows } from './history-windows.ts';
import type { Clock } from './ports/environment.ts';
import type { ChatStore } from './ports/repositories.ts';
import { cachedUsers } from './profiles.ts';
import { rememberingUnread } from './unread-memory.ts';
import { countingVoidsOnce } from './void-counts.ts';

/** The store as an api uses it: what is read again and again and hardly changes comes from the process's memory. */
export const storeWithMemory = (store: ChatStore, clock: Clock): ChatStore => {
  const { conversations, messages } = readingInWindows(store);
  return {
    ...store,
    conversations,
    users: cachedUsers(store.users, clock),
    messages: rememberingUnread(countingVoidsOnce(messages, clock), clock),
  };
};
