import { randomUUID } from 'node:crypto';
import type { EventFeed, EventPublisher, OutboundEvent, SignalPublisher } from '@confab/chat';
import { type FeedEvent, type Signal, STREAM_VERSION } from '@confab/contracts';
import type { MemoryPresence } from './presence.ts';

/** Events that the feed keeps; nothing reads it in one process but tests and tools. */
const FEED_LENGTH = 1_000;

async function byInstance(presence: MemoryPresence, recipients: readonly string[]): Promise<Map<string, string[]>> {
  const grouped = new Map<string, string[]>();
  for (const [userId, instances] of await presence.instancesOf(recipients)) {
    for (const instance of instances) grouped.set(instance, [...(grouped.get(instance) ?? []), userId]);
  }
  return grouped;
}

export class MemoryEventPublisher implements EventPublisher {
  readonly #presence: MemoryPresence;
  readonly #now: () => number;

  constructor(presence: MemoryPresence, now: () => number) {
    this.#presence = presence;
    this.#now = now;
  }

  async publish(event: OutboundEvent, recipients: readonly string[]): Promise<{ instances: number }> {
    const { payload, more = [], id, ...rest } = event;
    const envelope = { v: STREAM_VERSION, id: id ?? randomUUID(), at: this.#now(), ...rest };
    const grouped = await byInstance(this.#presence, recipients);
    for (const [instance, to] of grouped) {
      const inbox = this.#presence.inboxOf(instance);
      for (const text of [payload, ...more]) inbox?.append({ meta: { ...envelope, to }, payload: text });
    }
    return { instances: grouped.size };
  }
}

/** Hands signals to the handlers of the instances that hold a recipient. */
export class MemorySignals implements SignalPublisher {
  readonly #presence: MemoryPresence;
  readonly #handlers = new Map<(signal: Signal) => void, () => string>();

  constructor(presence: MemoryPresence) {
    this.#presence = presence;
  }

  async signal(signal: Omit<Signal, 'to'>, recipients: readonly string[]): Promise<void> {
    const grouped = await byInstance(this.#presence, recipients);
    for (const [handler, instance] of this.#handlers) {
      const to = grouped.get(instance());
      // Not within the sender's call: what a handler does or throws is not the sender's concern.
      if (to) setImmediate(handler, { ...signal, to });
    }
  }

  /** @param instance of the gateway that listens, as it is at the time */
  listen(instance: () => string, handler: (signal: Signal) => void): () => void {
    this.#handlers.set(handler, instance);
    return () => this.#handlers.delete(handler);
  }
}

export class MemoryEventFeed implements EventFeed {
  readonly #events: FeedEvent[] = [];

  async append(event: FeedEvent): Promise<void> {
    this.#events.push(event);
    if (this.#events.length > FEED_LENGTH) this.#events.shift();
  }

  /** The newest events, the oldest first. */
  get events(): readonly FeedEvent[] {
    return this.#events;
  }
}
