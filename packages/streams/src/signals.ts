import type { PresenceDirectory, SignalPublisher } from '@confab/chat';
import { Signal, validatorOf } from '@confab/contracts';
import type { RedisConnection, Subscriptions } from '@confab/redis';

/** Signals on their way at once; more are dropped. Source: at 1 ms each this is far above any typing rate; it bounds a stalled Redis. */
const MAX_IN_FLIGHT = 256;

/** Sends signals to the channels of the instances that hold a recipient. */
export class RedisSignalPublisher implements SignalPublisher {
  readonly #connection: RedisConnection;
  readonly #directory: PresenceDirectory;
  #inFlight = 0;
  #dropped = 0;

  constructor(connection: RedisConnection, directory: PresenceDirectory) {
    this.#connection = connection;
    this.#directory = directory;
  }

  /** Signals that were dropped, for metrics. */
  get dropped(): number {
    return this.#dropped;
  }

  async signal(signal: Omit<Signal, 'to'>, recipients: readonly string[]): Promise<void> {
    if (this.#inFlight >= MAX_IN_FLIGHT || !this.#connection.isReady) {
      this.#dropped++;
      return;
    }
    this.#inFlight++;
    try {
      await this.#send(signal, recipients);
    } catch (error) {
      // By contract nobody is told: a lost typing indicator harms nobody, and the sender must not wait or fail for it.
      this.#dropped++;
      this.#connection.log.warn({ error: String(error) }, 'a signal was dropped');
    } finally {
      this.#inFlight--;
    }
  }

  async #send(signal: Omit<Signal, 'to'>, recipients: readonly string[]): Promise<void> {
    const byInstance = new Map<string, string[]>();
    for (const [userId, instances] of await this.#directory.instancesOf(recipients)) {
      for (const instance of instances) byInstance.set(instance, [...(byInstance.get(instance) ?? []), userId]);
    }
    await this.#connection.run((client) =>
      Promise.all(
        [...byInstance].map(([instance, to]) =>
          client.spublish(this.#connection.keys.signals(instance), JSON.stringify({ ...signal, to })),
        ),
      ),
    );
  }
}

/** Signals to this instance; follows the instance when it changes. */
export class SignalSubscription {
  readonly #connection: RedisConnection;
  readonly #subscriptions: Subscriptions;
  readonly #handlers = new Set<(signal: Signal) => void>();
  #channel: string | undefined;

  /** @param connection for key names and the log only */
  constructor(connection: RedisConnection, subscriptions: Subscriptions) {
    this.#connection = connection;
    this.#subscriptions = subscriptions;
  }

  async follow(instance: string): Promise<void> {
    const former = this.#channel;
    this.#channel = this.#connection.keys.signals(instance);
    await this.#subscriptions.subscribe(this.#channel, (message) => this.#deliver(message));
    if (former && former !== this.#channel) await this.#subscriptions.unsubscribe(former);
  }

  onSignal(handler: (signal: Signal) => void): () => Promise<void> {
    this.#handlers.add(handler);
    return async () => void this.#handlers.delete(handler);
  }

  #deliver(message: string): void {
    const signal = parseSignal(message);
    if (!signal) {
      this.#connection.log.warn({}, 'a signal is not readable');
      return;
    }
    for (const handler of this.#handlers) handler(signal);
  }
}

function parseSignal(message: string): Signal | null {
  try {
    const value: unknown = JSON.parse(message);
    return validatorOf(Signal).Check(value) ? (value as Signal) : null;
  } catch {
    return null;
  }
}
