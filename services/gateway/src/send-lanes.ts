import { settleAll, type Waiting } from '@confab/chat';
import { ChatError, limits } from '@confab/contracts';

/** Sends of one socket that are under way or wait. Source: the rate limit is 30 a minute; a burst of an offline queue fits. */
const MAX_WAITING = 32;

/** Does the work of sends of one conversation, in order. @returns the outcome of each */
type Together<S, R> = (sends: S[]) => Promise<PromiseSettledResult<R>[]>;

/**
 * Keeps the sends of one socket in order within each conversation, so that messages are stored in the order in which the user sent them: what comes
 * while one is under way waits for it, and then goes together. Different conversations do not wait for each other.
 */
export class SendLanes<S, R> {
  /** What waits, by conversation. Absent while nothing is sent: most sockets are idle. */
  #lanes: Map<string, Waiting<S, R>[]> | undefined;
  #waiting = 0;

  /** @throws ChatError OVERLOADED if too many wait already; else what `together` says of this send */
  async run(conversationId: string, send: S, together: Together<S, R>): Promise<R> {
    if (this.#waiting >= MAX_WAITING) throw new ChatError('OVERLOADED', { retryAfter: 1 });
    this.#waiting += 1;
    try {
      return await this.#queue(conversationId, send, together);
    } finally {
      this.#waiting -= 1;
    }
  }

  #queue(conversationId: string, send: S, together: Together<S, R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const waiting = { item: send, resolve, reject };
      const lane = this.#lanes?.get(conversationId);
      if (lane) lane.push(waiting);
      else void this.#drive(conversationId, [waiting], together);
    });
  }

  async #drive(conversationId: string, lane: Waiting<S, R>[], together: Together<S, R>): Promise<void> {
    const lanes = this.#lanes ?? new Map<string, Waiting<S, R>[]>();
    this.#lanes = lanes;
    lanes.set(conversationId, lane);
    while (lane.length > 0) await settleAll(lane.splice(0, limits.sendsAtOnce), together);
    lanes.delete(conversationId);
    if (lanes.size === 0) this.#lanes = undefined;
  }
}
