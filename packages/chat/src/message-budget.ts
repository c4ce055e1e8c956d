import { ChatError, type SendMessageBody } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { RoomForecasts } from './room-forecasts.ts';

export interface Budget {
  /** Settles once the send is counted. Rejects with RATE_LIMITED if there is no room */
  taken: Promise<void>;
  /** There will be room, by what is known: a seq may be taken meanwhile. */
  isLikely: boolean;
}

/**
 * Counts a send for the limit of messages a minute.
 * @returns at once; what follows need not wait for the count where it is likely and a refusal can still be told
 */
export function takeMessageBudget(ctx: ChatContext, senderId: string, body: SendMessageBody): Budget {
  // A retry has the same member and so costs nothing.
  const member = body.clientMessageId ? `${body.conversationId}:${body.clientMessageId}` : ctx.ids.token();
  const rule = { limit: ctx.settings.messagesPerMinute, windowMs: 60_000 };
  const { taken, isLikely } = roomForecasts(ctx).take(`messages:${senderId}`, rule, member);
  const checked = taken.then((answer) => {
    if (answer.allowed) return;
    const reason = `at most ${rule.limit} messages a minute`;
    throw new ChatError('RATE_LIMITED', { retryAfter: answer.retryAfter, reason });
  });
  // Whoever waits for it is told. Where another step fails first nobody does.
  checked.catch(() => {});
  return { taken: checked, isLikely };
}

/** One per limiter, which contexts of a process share. */
const forecasts = new WeakMap<ChatContext['limiter'], RoomForecasts>();

function roomForecasts({ limiter, clock }: ChatContext): RoomForecasts {
  const known = forecasts.get(limiter) ?? new RoomForecasts(limiter, clock);
  forecasts.set(limiter, known);
  return known;
}
