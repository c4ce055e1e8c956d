import { ChatError } from '@confab/contracts';

/** Sends of one socket that are under way or wait. Source: the rate limit is 30 a minute; a burst of an offline queue fits. */
const MAX_WAITING = 32;

/**
 * Runs the sends of one socket one after the other within each conversation, so that messages are stored in the order in which the
 * user sent them; different conversations do not wait for each other.
 */
export class SendLanes {
  /** Absent while nothing is sent: most sockets are idle. */
  #lanes: Map<string, Promise<unknown>> | undefined;
  #waiting = 0;

  /** @throws ChatError OVERLOADED if too many wait already; else what the task throws */
  async run<T>(conversationId: string, task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new ChatError('OVERLOADED', { retryAfter: 1 });
    this.#waiting += 1;
    const lanes = this.#lanes ?? new Map<string, Promise<unknown>>();
    this.#lanes = lanes;
    const before = lanes.get(conversationId) ?? Promise.resolve();
    const mine = before.then(task, task);
    lanes.set(conversationId, mine);
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
      if (lanes.get(conversationId) === mine) lanes.delete(conversationId);
      if (lanes.size === 0 && this.#lanes === lanes) this.#lanes = undefined;
    }
  }
}
