import type { Clock } from './ports/environment.ts';
import type { ChatStore } from './ports/repositories.ts';
import { cachedUsers } from './profiles.ts';
import { rememberingUnread } from './unread-memory.ts';
import { countingVoidsOnce } from './void-counts.ts';

/** The store as an api uses it: what is read again and again and hardly changes comes from the process's memory. */
export const storeWithMemory = (store: ChatStore, clock: Clock): ChatStore => ({
  ...store,
  users: cachedUsers(store.users, clock),
  messages: rememberingUnread(countingVoidsOnce(store.messages, clock), clock),
});
