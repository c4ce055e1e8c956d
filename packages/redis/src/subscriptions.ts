import type { RedisConnection } from './connection.ts';

/** How often the connection is proven alive: a subscriber that only listens would not notice that the other side is gone. */
const PING_EVERY_MS = 3_000;

/**
 * Sharded Pub/Sub over one connection of its own. Guarantee: at most once; what is published while the connection is away is lost.
 * Channels are subscribed again after each reconnect.
 */
export class Subscriptions {
  readonly #connection: RedisConnection;
  readonly #handlers = new Map<string, (message: string) => void>();
  readonly #readyListeners = new Set<() => void>();
  readonly #ping: NodeJS.Timeout;

  /** @param connection from `connectSubscriber`; closed by `close` */
  constructor(connection: RedisConnection) {
    this.#connection = connection;
    connection.client.on('smessage', (channel: string, message: string) => this.#handlers.get(channel)?.(message));
    connection.client.on('ready', () => this.#onReady());
    this.#ping = setInterval(() => this.#provePresence(), PING_EVERY_MS).unref();
  }

  /** Returns once the channel is subscribed, or, while Redis is away, at once: the subscription follows the connection. */
  async subscribe(channel: string, handler: (message: string) => void): Promise<void> {
    this.#handlers.set(channel, handler);
    await this.#subscribeNow(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#handlers.delete(channel);
    if (!this.#connection.isReady) return;
    await this.#attempt(() => this.#connection.run((client) => client.sunsubscribe(channel)));
  }

  /** Calls back after each (re)connection: messages may have been missed before. */
  onReady(listener: () => void): void {
    this.#readyListeners.add(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#ping);
    await this.#connection.close();
  }

  #onReady(): void {
    for (const channel of this.#handlers.keys()) void this.#subscribeNow(channel);
    for (const listener of this.#readyListeners) listener();
  }

  async #subscribeNow(channel: string): Promise<void> {
    if (!this.#connection.isReady) return;
    await this.#attempt(() => this.#connection.run((client) => client.ssubscribe(channel)));
  }

  #provePresence(): void {
    if (this.#connection.isReady) void this.#attempt(() => this.#connection.run((client) => client.ping()));
  }

  /** A failure means a connection that is no good: the next one subscribes everything again. */
  async #attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#connection.log.warn({ error: String(error) }, 'the subscriber connection failed; connecting again');
      this.#connection.reset();
    }
  }
}
