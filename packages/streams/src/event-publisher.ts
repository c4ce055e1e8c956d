import { randomUUID } from 'node:crypto';
import type { EventPublisher, OutboundEvent } from '@confab/chat';
import { type InboxMeta, STREAM_VERSION } from '@confab/contracts';
import { type RedisConnection, RedisPresenceDirectory } from '@confab/redis';

/**
 * Entries that an inbox keeps. Source: a gateway under full load (5,000 events a second) has 2 s to read on before it is told of a gap; at
 * 1 kB per event this is 10 MB of Redis per gateway at worst.
 */
export const DEFAULT_INBOX_LENGTH = 10_000;

export interface EventPublisherOptions {
  inboxLength?: number;
  now?: () => number;
  newId?: () => string;
}

/** Publishes by one XADD per instance that holds a recipient, all in one pipeline. */
export class RedisEventPublisher implements EventPublisher {
  readonly #connection: RedisConnection;
  readonly #directory: RedisPresenceDirectory;
  readonly #inboxLength: number;
  readonly #now: () => number;
  readonly #newId: () => string;
  /** Settles when the latest event was handed to the connection: the next one waits for that, so that order is kept. */
  #handedOver: Promise<unknown> = Promise.resolve();

  constructor(connection: RedisConnection, options: EventPublisherOptions = {}) {
    this.#connection = connection;
    this.#directory = new RedisPresenceDirectory(connection);
    this.#inboxLength = options.inboxLength ?? DEFAULT_INBOX_LENGTH;
    this.#now = options.now ?? Date.now;
    this.#newId = options.newId ?? randomUUID;
  }

  async publish(event: OutboundEvent, recipients: readonly string[]): Promise<{ instances: number }> {
    const former = this.#handedOver;
    const lookup = this.#directory.registeredInstances(recipients);
    const appended = Promise.allSettled([former, lookup]).then(async () => {
      const byInstance = recipientsByInstance(await lookup);
      // Not awaited here: handing over is what keeps the order, not the answers.
      return { answers: this.#append(event, byInstance) };
    });
    this.#handedOver = appended;
    return { instances: await (await appended).answers };
  }

  /** @returns how many instances took it */
  async #append(event: OutboundEvent, byInstance: Map<string, string[]>): Promise<number> {
    if (byInstance.size === 0) return 0;
    const envelope = this.#envelope(event);
    const instances = [...byInstance];
    const ids = await this.#connection.run((client) =>
      Promise.all(
        instances.map(([instance, to]) => {
          const meta: InboxMeta = { ...envelope, to };
          const key = this.#connection.keys.inbox(instance);
          const fields = ['m', JSON.stringify(meta), 'p', event.payload];
          return client.xadd(key, 'NOMKSTREAM', 'MAXLEN', '~', this.#inboxLength, '1-*', ...fields);
        }),
      ),
    );
    const dead = instances.filter((_, index) => ids[index] === null);
    for (const [instance, userIds] of dead) this.#forgetLater(instance, userIds);
    return instances.length - dead.length;
  }

  #envelope(event: OutboundEvent): Omit<InboxMeta, 'to'> {
    const { payload: _, id, ...rest } = event;
    return { v: STREAM_VERSION, id: id ?? this.#newId(), at: this.#now(), ...rest };
  }

  /** An inbox that is gone never comes back under this name. Nobody waits for the clean-up. */
  #forgetLater(instance: string, userIds: string[]): void {
    this.#directory
      .forget(instance, userIds)
      .catch((error: unknown) =>
        this.#connection.log.warn(
          { instance, error: String(error) },
          'a dead instance was not removed from its users yet',
        ),
      );
  }
}

function recipientsByInstance(registered: Map<string, string[]>): Map<string, string[]> {
  const byInstance = new Map<string, string[]>();
  for (const [userId, instances] of registered) {
    for (const instance of instances) {
      const users = byInstance.get(instance);
      if (users) users.push(userId);
      else byInstance.set(instance, [userId]);
    }
  }
  return byInstance;
}
