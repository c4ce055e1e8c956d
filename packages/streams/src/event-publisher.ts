import { randomUUID } from 'node:crypto';
import type { EventPublisher, OutboundEvent } from '@confab/chat';
import type { InboxMeta } from '@confab/contracts';
import { type RedisConnection, RedisPresenceDirectory } from '@confab/redis';
import { type PackedEvents, packEvents } from './event-packs.ts';

/**
 * Entries that an inbox keeps unread. Source: a gateway under full load (5,000 events a second) has 2 s to read on before it is told of a gap, and
 * longer where events come packed; at 1 kB per entry this is 10 MB of Redis per gateway, and 160 MB if every entry is packed to the full.
 */
export const DEFAULT_INBOX_LENGTH = 10_000;

export interface EventPublisherOptions {
  inboxLength?: number;
  now?: () => number;
  newId?: () => string;
}

/** A call of `publish` that waits for the end of the turn. */
interface Publication {
  event: OutboundEvent;
  recipients: readonly string[];
  resolve(result: { instances: number }): void;
  reject(error: unknown): void;
}

/** An event on its way to one instance, and to whom there. */
interface Addressed {
  publication: Publication;
  to: string[];
}

/**
 * Publishes what is published in one turn of the event loop together: one look-up for all recipients, and per instance as few entries as
 * the bounds of a pack allow. A single event goes out at the end of its turn, as ioredis would send its commands anyway.
 */
export class RedisEventPublisher implements EventPublisher {
  readonly #connection: RedisConnection;
  readonly #directory: RedisPresenceDirectory;
  readonly #inboxLength: number;
  readonly #now: () => number;
  readonly #newId: () => string;
  #waiting: Publication[] = [];
  /** Settles when the former turn's events were handed to the connection: the next ones wait for that, so that order is kept. */
  #handedOver: Promise<unknown> = Promise.resolve();

  constructor(connection: RedisConnection, options: EventPublisherOptions = {}) {
    this.#connection = connection;
    this.#directory = new RedisPresenceDirectory(connection);
    this.#inboxLength = options.inboxLength ?? DEFAULT_INBOX_LENGTH;
    this.#now = options.now ?? Date.now;
    this.#newId = options.newId ?? randomUUID;
  }

  publish(event: OutboundEvent, recipients: readonly string[]): Promise<{ instances: number }> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#publishWaiting());
      this.#waiting.push({ event, recipients, resolve, reject });
    });
  }

  #publishWaiting(): void {
    const publications = this.#waiting;
    this.#waiting = [];
    const former = this.#handedOver;
    const lookup = this.#directory.lookUp(publications.flatMap(({ recipients }) => recipients));
    const appended = Promise.allSettled([former, lookup]).then(async () => {
      const { registered, unknown } = await lookup;
      const byInstance = addressedByInstance(withKnownRecipients(publications, unknown), registered);
      // Not awaited here: handing over is what keeps the order, not the answers.
      return { answers: [...byInstance].map(([instance, events]) => this.#append(instance, events)) };
    });
    this.#handedOver = appended;
    void settleAll(publications, appended);
  }

  /** @returns those that the instance took, or whose instance is gone; else why not */
  async #append(instance: string, events: Addressed[]): Promise<InstanceOutcome> {
    try {
      const taken = await this.#appendPacks(instance, events);
      if (!taken) this.#forgetLater(instance, [...new Set(events.flatMap(({ to }) => to))]);
      return { events, taken };
    } catch (error) {
      return { events, error };
    }
  }

  /** @returns false if there is no such inbox */
  async #appendPacks(instance: string, events: readonly Addressed[]): Promise<boolean> {
    const key = this.#connection.keys.inbox(instance);
    const packs = packEvents(events.map(({ publication: { event }, to }) => this.#packed(event, to)));
    const ids = await this.#connection.run((client) =>
      Promise.all(
        packs.map((fields) =>
          client.xadd(key, 'NOMKSTREAM', 'MAXLEN', '~', this.#inboxLength, '1-*', ...(fields as [string, string])),
        ),
      ),
    );
    return ids.every((id) => id !== null);
  }

  #packed(event: OutboundEvent, to: string[]): PackedEvents {
    const { payload, more, id, ...rest } = event;
    const meta = { id: id ?? this.#newId(), at: this.#now(), ...rest, to };
    return {
      metaOf: (v) => ({ v, ...meta }) satisfies InboxMeta,
      payloads: more ? [payload, ...more] : [payload],
      recipients: to,
    };
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

interface InstanceOutcome {
  events: Addressed[];
  /** False: there is no such inbox. */
  taken?: boolean;
  error?: unknown;
}

/** Tells each caller of its own event: how many instances took it, or why one of them did not. */
async function settleAll(
  publications: readonly Publication[],
  appended: Promise<{ answers: Promise<InstanceOutcome>[] }>,
): Promise<void> {
  try {
    const outcomes = await Promise.all((await appended).answers);
    const instances = new Map<Publication, number>();
    const failures = new Map<Publication, unknown>();
    for (const { events, taken, error } of outcomes) {
      for (const { publication } of events) {
        if (error !== undefined) failures.set(publication, error);
        if (taken) instances.set(publication, (instances.get(publication) ?? 0) + 1);
      }
    }
    for (const publication of publications) {
      if (failures.has(publication)) publication.reject(failures.get(publication));
      else publication.resolve({ instances: instances.get(publication) ?? 0 });
    }
  } catch (error) {
    for (const { reject } of publications) reject(error);
  }
}

/** Those whose recipients were all found out; the callers of the others are told why not. */
function withKnownRecipients(publications: readonly Publication[], unknown: ReadonlyMap<string, unknown>) {
  if (unknown.size === 0) return publications;
  return publications.filter(({ recipients, reject }) => {
    const lost = recipients.find((userId) => unknown.has(userId));
    if (lost !== undefined) reject(unknown.get(lost));
    return lost === undefined;
  });
}

/** What each instance gets, in the order of publishing. */
function addressedByInstance(
  publications: readonly Publication[],
  registered: ReadonlyMap<string, string[]>,
): Map<string, Addressed[]> {
  const byInstance = new Map<string, Addressed[]>();
  const add = (instance: string, addressed: Addressed) => {
    const events = byInstance.get(instance);
    if (events) events.push(addressed);
    else byInstance.set(instance, [addressed]);
  };
  for (const publication of publications) {
    const { recipients } = publication;
    const [only] = recipients;
    if (recipients.length === 1 && only !== undefined) {
      for (const instance of registered.get(only) ?? []) add(instance, { publication, to: [only] });
      continue;
    }
    const here = new Map<string, Addressed>();
    for (const userId of new Set(recipients)) {
      for (const instance of registered.get(userId) ?? []) {
        const addressed = here.get(instance);
        if (addressed) addressed.to.push(userId);
        else here.set(instance, { publication, to: [userId] });
      }
    }
    for (const [instance, addressed] of here) add(instance, addressed);
  }
  return byInstance;
}
