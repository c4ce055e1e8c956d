import type { ExternalMediaPolicy, MediaParts } from './media-policy.ts';
import type { EventFeed, EventPublisher, PresenceDirectory, RateLimiter, ReceiptLog } from './ports/bus.ts';
import type { Clock, Ids, TraceLog } from './ports/environment.ts';
import type { ChatStore } from './ports/repositories.ts';

/** Limits and choices of the domain that a deployment sets. */
export interface ChatSettings {
  messagesPerMinute: number;
  conversationsPerHour: number;
  /** Refuse to open a conversation with a user that was never seen or provisioned. */
  requireKnownUsers: boolean;
  /** Media by URL; absent: any https URL. */
  externalMedia?: ExternalMediaPolicy;
}

/**
 * Places between two writes of one operation. A process that stops there leaves what the outbox relay, the hole filler and the change
 * finisher repair; tests stop it there on purpose.
 */
export type Step =
  | 'seq-taken'
  | 'message-stored'
  | 'change-marked'
  | 'change-numbered'
  | 'media-claimed'
  | 'media-condemned';

/** Everything that the domain functions work with. Built once per process from adapters. */
export interface ChatContext {
  store: ChatStore;
  publisher: EventPublisher;
  receipts: ReceiptLog;
  feed: EventFeed;
  presence: PresenceDirectory;
  limiter: RateLimiter;
  /** Uploads; absent where the deployment takes none. */
  media?: MediaParts | undefined;
  settings: ChatSettings;
  clock: Clock;
  ids: Ids;
  log: TraceLog;
  /** Called at every step and waited for; absent in production. */
  atStep?: ((step: Step) => Promise<void>) | undefined;
}
