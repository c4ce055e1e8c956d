import { ChatError, type SendMessageBody } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { RoomForecasts } from './room-forecasts.ts';

export interface Budget {
  /** Settles once the send is counted: whether it was before, as one that is tried again. Rejects with RATE_LIMITED if there is no room */
  taken: Promise<{ countedBefore: boolean }>;
  /** There will be room, by what is known: a seq may be taken meanwhile. */
  isLikely: boolean;
}

/** What a process knows of one limiter, which its contexts share. */
interface Known {
  forecasts: RoomForecasts;
  /** Sends that were tried again, the earliest first. */
  retried: Set<string>;
}

/** Sends that are remembered as tried again. Source: 20,000 of at most 300 characters are 6 MB; a user has 30 in a window. */
const RETRIED_CAPACITY = 20_000;

/**
 * Counts a send for the limit of messages a minute.
 * @returns at once; what follows need not wait for the count where it is likely and a refusal can still be told
 */
export function takeMessageBudget(ctx: ChatContext, senderId: string, body: SendMessageBody): Budget {
  // A retry has the same member and so costs nothing.
  const member = body.clientMessageId ? `${body.conversationId}:${body.clientMessageId}` : ctx.ids.token();
  const rule = { limit: ctx.settings.messagesPerMinute, windowMs: 60_000 };
  const { forecasts, retried } = knownOf(ctx);
  const { taken, isLikely } = forecasts.take(`messages:${senderId}`, rule, member);
  const id = `${senderId}:${member}`;
  const checked = taken.then((answer) => {
    if (answer.allowed) {
      if (answer.countedBefore) remember(retried, id);
      return { countedBefore: answer.countedBefore === true };
    }
    const reason = `at most ${rule.limit} messages a minute`;
    throw new ChatError('RATE_LIMITED', { retryAfter: answer.retryAfter, reason });
  });
  // Whoever waits for it is told. Where another step fails first nobody does.
  checked.catch(() => {});
  // Each seq that a retry takes is a void for good: what was tried again once is looked up first from then on, however often that is.
  return { taken: checked, isLikely: isLikely && !retried.has(id) };
}

function remember(retried: Set<string>, id: string): void {
  retried.add(id);
  if (retried.size > RETRIED_CAPACITY) retried.delete(retried.values().next().value as string);
}

const knownByLimiter = new WeakMap<ChatContext['limiter'], Known>();

function knownOf({ limiter, clock }: ChatContext): Known {
  const known = knownByLimiter.get(limiter) ?? { forecasts: new RoomForecasts(limiter, clock), retried: new Set() };
  knownByLimiter.set(limiter, known);
  return known;
}
